import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { dnsPolicySource } from "../dns/index.ts";
import type { StapleKeySource } from "../key-lookup/index.ts";
import { allice, dkBase64, kid, NOW, TestNetwork } from "../key-lookup/test-network.ts";
import { type Address, formatAuthenticationResults } from "../message/index.ts";
import type { NeighbourCheck, NeighbourQuestion, NeighbourResults } from "../neighbours/index.ts";
import { MessageScanner, type SigningKey, sign } from "../signature/index.ts";
import { authenticationResult, decideAction, Verification, type Verified } from "./index.ts";
import { contextOf } from "./test-context.ts";
import { transactionTo } from "./test-transaction.ts";

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());
beforeEach(async () => {
  net.reset();
  net.publish(1);
});

const key: SigningKey = {
  kid,
  algorithm: "ed25519-sha256",
  privateKey: createPrivateKey({
    key: Buffer.from(
      "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "hex",
    ),
    format: "der",
    type: "pkcs8",
  }),
};
const bob: Address = { localPart: "bob", domain: "dest.tld" };

function signed(header: string, identity = allice): Buffer {
  const message = Buffer.from(`${header}\r\nSubject: Lunch?\r\n\r\nNoon?\r\n`);
  const result = sign(message, {
    keys: [key],
    identity,
    recipients: [bob],
    signedAt: NOW,
    expiresAt: NOW + 600,
  });
  assert.ok(result.ok);
  return result.message;
}

function verify(
  message: Buffer | string,
  options: { deadlineMs?: number; neighbours?: NeighbourCheck } = {},
): Promise<Verified> {
  const scanner = new MessageScanner();
  scanner.write(Buffer.from(message));
  const policies = dnsPolicySource(net.resolver);
  const clock = { now: () => net.nowMs };
  const verification = new Verification({ keys: net.lookup({ policies }), policies, clock, ...options });
  return verification.verify(scanner.finish(), transactionTo([bob]));
}

const summary = ({ verdict, policy }: Verified) => [verdict.result, verdict.reason, policy.wanted];
const policyOf = (domain: string, text: string) =>
  net.dns.set(`_vsmtp.${domain}`, { TXT: [`v=VSMTP1; ${text}`] });
const unsigned = "From: allice@someisp.tld\r\n\r\nHi\r\n";

test("a message from signer to verdict, with the key out of the sender's own key server", async () => {
  await net.keyServer("8.8.4.1:8757", ["mx1.someisp.tld"]);
  const { verdict } = await verify(signed("From: Allice <allice@someisp.tld>"));
  const field = formatAuthenticationResults("mx.dest.tld", [authenticationResult(verdict)]);
  // REC-1, unfolded.
  assert.equal(
    Buffer.from(field)
      .toString()
      .replace(/\r\n(?=\s)/g, ""),
    `Authentication-Results: mx.dest.tld; vsmtp=pass header.i=allice@someisp.tld header.k=${kid} policy.align=from policy.rcpt=match policy.trust=host\r\n`,
  );
});

test("for unsigned mail no key server is asked, DNS alone tells the policy (POL-17)", async () => {
  await net.keyServer("8.8.4.1:8757", ["mx1.someisp.tld"]);
  policyOf("someisp.tld", "p=reject");
  assert.deepEqual(summary(await verify(unsigned)), ["none", "unsigned", "reject"]);
  assert.deepEqual(net.dialled, []);
});

test("p is the From domain's, dk and the like are the identity's (POL-13, POL-14)", async () => {
  await net.keyServer("8.8.4.1:8757", ["mx1.someisp.tld"]);
  policyOf("author.tld", `p=quarantine; dk=${dkBase64}; ks=sub`);
  const message = signed("From: boss@author.tld\r\nSender: allice@someisp.tld");
  assert.deepEqual(summary(await verify(message)), ["neutral", "sender-only", "quarantine"]);
  policyOf("someisp.tld", `p=reject; dk=${dkBase64}`);
  assert.deepEqual(summary(await verify(message)), ["fail", "bad-key", "none"]);
});

test("where the policy cannot be looked up, signed mail waits and unsigned mail has none (POL-16)", async () => {
  await net.keyServer("8.8.4.1:8757", ["mx1.someisp.tld"]);
  net.dns.fail("_vsmtp.author.tld", "SERVFAIL");
  const message = signed("From: boss@author.tld\r\nSender: allice@someisp.tld");
  assert.deepEqual(summary(await verify(message)), ["temperror", "unavailable", "none"]);
  net.dns.fail("_vsmtp.someisp.tld", "SERVFAIL");
  assert.deepEqual(summary(await verify(unsigned)), ["none", "unsigned", "none"]);
});

test("a domain of the forger's beside another's takes nothing from the other's policy, however its DNS fails (POL-13)", async () => {
  policyOf("bank.tld", "p=quarantine");
  const forged = "From: ceo@bank.tld, x@evil.tld\r\n\r\nHi\r\n";
  net.dns.fail("_vsmtp.evil.tld", "SERVFAIL");
  assert.deepEqual(summary(await verify(forged)), ["none", "unsigned", "quarantine"]);
  // Silent for as long as a message may take.
  net.dns.fail("_vsmtp.evil.tld", "silent");
  assert.deepEqual(summary(await verify(forged, { deadlineMs: 300 })), ["none", "unsigned", "quarantine"]);
  policyOf("bank.tld", "p=reject");
  assert.deepEqual(summary(await verify(forged, { deadlineMs: 300 })), ["none", "unsigned", "reject"]);
});

test("an unreachable key server defers, until the signature has expired (CCH-11, CCH-12)", async () => {
  const message = signed("From: allice@someisp.tld");
  const first = await verify(message);
  assert.deepEqual(summary(first), ["temperror", "unavailable", "none"]);
  const { action, reply } = decideAction(first.verdict, contextOf({}));
  assert.deepEqual([action, reply?.code, reply?.enhanced], ["defer", 451, "4.4.3"]);
  net.nowMs += 601_000;
  assert.deepEqual(summary(await verify(message)), ["fail", "expired", "none"]);
});

test("the strictest policy of several From domains counts, and too many domains are refused (POL-13)", async () => {
  const from = (count: number) => {
    const list = Array.from({ length: count }, (_, n) => `a@d${n}.tld`).join(", ");
    return `From: ${list}\r\n\r\nHi\r\n`;
  };
  policyOf("d1.tld", "p=quarantine");
  assert.deepEqual(summary(await verify(from(3))), ["none", "unsigned", "quarantine"]);
  policyOf("d2.tld", "p=reject");
  policyOf("d0.tld", "p=reject; t=y");
  assert.deepEqual(summary(await verify(from(3))), ["none", "unsigned", "reject"]);
  net.dns.clear();
  assert.deepEqual(summary(await verify(from(8))), ["none", "unsigned", "none"]);
  assert.deepEqual(summary(await verify(from(9))), ["none", "unsigned", "reject"]);
});

test("verifying ends in time whatever the world does", async () => {
  net.blackhole("8.8.4.1:8757");
  const verified = await verify(signed("From: allice@someisp.tld"), { deadlineMs: 50 });
  assert.deepEqual(summary(verified), ["temperror", "unavailable", "none"]);
  // Unsigned mail whose policy does not come has none, as where it cannot be looked up (POL-16).
  net.dns.fail("_vsmtp.someisp.tld", "silent");
  assert.deepEqual(summary(await verify(unsigned, { deadlineMs: 50 })), ["none", "unsigned", "none"]);
});

test("NBR-1 neighbours are asked beside it, about the message as it came, and have no say in the verdict", async () => {
  await net.keyServer("8.8.4.1:8757", ["mx1.someisp.tld"]);
  const questions: NeighbourQuestion[] = [];
  const neighbours: NeighbourCheck = {
    check: async (question) => {
      questions.push(question);
      return NOTHING_KNOWN;
    },
  };
  const message = signed("From: Allice <allice@someisp.tld>");
  const verified = await verify(message, { neighbours });
  assert.deepEqual([verified.verdict.result, verified.neighbours], ["pass", NOTHING_KNOWN]);
  assert.equal((await verify(unsigned, { neighbours })).verdict.result, "none");
  // What breaks the rules of lines has no body hash that means anything.
  await verify("From: allice@someisp.tld\r\n\r\nHi\rho\r\n", { neighbours });
  assert.deepEqual(
    questions.map(({ client, bodyHashBase64 }) => [client.address, bodyHashBase64?.length ?? null]),
    [
      ["192.0.2.1", 44],
      ["192.0.2.1", 44],
      ["192.0.2.1", null],
    ],
  );
  // The key server is silent: the verdict comes late, what neighbours say is there.
  net.dns.fail("_vsmtp.someisp.tld", "silent");
  const late = await verify(message, { neighbours, deadlineMs: 20 });
  assert.deepEqual([late.verdict.result, late.neighbours], ["temperror", NOTHING_KNOWN]);
  assert.equal((await verify(message)).neighbours, null);
});

test("CCH-7 who asks for a key is told which From domain its neighbours vouch for", async () => {
  const vouched: (string | null | undefined)[] = [];
  const keys: StapleKeySource = {
    lookUp: async (query) => {
      vouched.push(await query.vouched?.());
      return { kind: "temperror", detail: "" };
    },
  };
  const policies = dnsPolicySource(net.resolver);
  for (const fromPasses of [true, false, null]) {
    const check = async () => ({ ...NOTHING_KNOWN, fromPasses: fromPasses === true });
    const neighbours = fromPasses === null ? null : { check };
    const clock = { now: () => net.nowMs };
    const scanner = new MessageScanner();
    scanner.write(signed("From: Allice <allice@someisp.tld>"));
    await new Verification({ keys, policies, clock, neighbours }).verify(
      scanner.finish(),
      transactionTo([bob]),
    );
  }
  assert.deepEqual(vouched, ["someisp.tld", null, undefined]);
});

const NOTHING_KNOWN: NeighbourResults = {
  recorded: [],
  spf: { result: "fail", domain: null },
  dkim: [],
  dmarc: { result: "fail", domain: "someisp.tld", policy: "reject" },
  arc: { result: "none", sealers: [], recordedPass: { vsmtp: false, dmarc: false } },
  fromPasses: false,
};
