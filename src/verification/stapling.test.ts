import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign as signOctets } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { dnsPolicySource } from "../dns/index.ts";
import type { KeyLookupOptions } from "../key-lookup/index.ts";
import {
  activeKey,
  allice,
  dkBase64,
  dkPrivate,
  kid,
  NOW,
  otherKey,
  TestNetwork,
} from "../key-lookup/test-network.ts";
import {
  formatStaple,
  formatStatement,
  type KeyStatement,
  signStatement,
  statementInput,
} from "../key-protocol/index.ts";
import { type Address, encodeAddress } from "../message/index.ts";
import { MessageScanner, type SigningKey, sign } from "../signature/index.ts";
import { Verification } from "./index.ts";
import { transactionTo } from "./test-transaction.ts";

// Messages that bring their key statement along (STP), against real DNS and, where one is asked, a real key server.

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());

const mx1 = "8.8.4.1:8757";
const WANTED = `dk=${dkBase64}; sl=300`;
beforeEach(() => {
  net.reset();
  net.publish(1, WANTED);
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

/** A statement about allice's key, as her key server would sign it now. */
function statement(over: Partial<KeyStatement> = {}, dk: KeyObject = dkPrivate): string {
  const times = { issuedAt: NOW, ttlSeconds: 600, staleSeconds: 0 };
  const line = formatStatement({ ...activeKey, identity: encodeAddress(allice), ...times, ...over });
  return signStatement(line, dk);
}

function staple(over: Partial<KeyStatement> = {}, dk?: KeyObject): string {
  const field = formatStaple(statement(over, dk));
  assert.ok(field !== null);
  return field;
}

/** Signs what the domain's key server answers. */
const signer = {
  everyDomain: true,
  sign: async (_domain: string, text: string) => signOctets(null, statementInput(text), dkPrivate),
};

const { message: signed } = (() => {
  const text = "From: Allice <allice@someisp.tld>\r\nSubject: Lunch?\r\n\r\nNoon?\r\n";
  const result = sign(Buffer.from(text), { keys: [key], identity: allice, signedAt: NOW, recipients: [bob] });
  assert.ok(result.ok);
  return result;
})();

/** A receiver, and what it makes of allice's message below these fields: `pass domain stapled`. */
function receiver(options: Partial<KeyLookupOptions> = {}): (fields: string) => Promise<string> {
  const policies = dnsPolicySource(net.resolver);
  const keys = net.lookup({ policies, ...options });
  const verification = new Verification({ keys, policies, clock: { now: () => net.nowMs } });
  return async (fields) => {
    const scanner = new MessageScanner();
    scanner.write(Buffer.from(fields, "latin1"));
    scanner.write(signed);
    const { verdict, stapled } = await verification.verify(scanner.finish(), transactionTo([bob]));
    const words = [verdict.reason ?? verdict.result, verdict.trust, stapled ? "stapled" : null];
    return words.filter((word) => word !== null).join(" ");
  };
}
const verify = (fields: string, options?: Partial<KeyLookupOptions>) => receiver(options)(fields);

test("prompt mail verifies with no key server there, and none is asked (STP-2)", async () => {
  assert.equal(await verify(""), "unavailable");
  net.dialled.length = 0;
  assert.equal(await verify(staple()), "pass host stapled");
  net.nowMs += 300_000;
  assert.equal(await verify(staple()), "pass host stapled");
  assert.deepEqual(net.dialled, []);
});

test("delayed mail is looked up: then a revocation counts (STP-2)", async () => {
  const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"], { signer });
  directory.set("allice@someisp.tld", { ...activeKey, state: "revoked" });
  net.nowMs += 301_000;
  assert.equal(await verify(staple()), "revoked");
  assert.deepEqual(net.dialled, [mx1]);
});

test("a staple that cannot be used is ignored, and the key looked up (STP-2, STP-4)", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const other = otherKey();
  const good = staple();
  const bad: Record<string, string> = {
    "signed by nobody that counts": staple({}, privateKey),
    "not signed": `VSMTP-Key-Statement: ${statement().replace(/; s=.*/, "")}\r\n`,
    altered: good.replace("ttl=600", "ttl=900"),
    "revoked, though signed": staple({ state: "revoked" }),
    "suspended, though signed": staple({ state: "suspended" }),
    "another identity's": staple({ identity: "bob@someisp.tld" }),
    "another key's": staple({ kid: other.kid, spki: other.spki }),
    "a public key under another key id": staple({ spki: other.spki }),
    "issued before sl": staple({ issuedAt: NOW - 301 }),
    "issued in the future": staple({ issuedAt: NOW + 301 }),
    "before the key was valid": staple({ notBefore: NOW + 301 }),
    "after the key was valid": staple({ notAfter: NOW - 1 }),
    "for another algorithm": staple({ algorithm: "rsa-sha256" }),
    "with a space less": `VSMTP-Key-Statement: ${statement().replace("; k=", ";k=")}\r\n`,
    "no statement": "VSMTP-Key-Statement: none\r\nVSMTP-Key-Statement:\r\n",
    "octets that are not ASCII": good.replace("v=1", "v=\xff"),
    "larger than any statement": good.replace("v=1;", `v=1;${"\r\n  ".repeat(1000)}`),
    "below ten others": `${"VSMTP-Key-Statement: v=1\r\n".repeat(10)}${good}`,
    "below a forged one about the same key": `${staple({}, privateKey)}${good}`,
  };
  for (const [what, fields] of Object.entries(bad)) {
    net.dialled.length = 0;
    assert.equal(await verify(fields), "unavailable", what);
    assert.deepEqual(net.dialled, [mx1], what);
  }
});

test("a staple survives refolding, and stands beside those about others (STP-3, STP-4)", async () => {
  const good = staple();
  assert.equal(await verify(good.replaceAll("\r\n ", " ")), "pass host stapled");
  assert.equal(await verify(good.replaceAll("; ", ";\r\n\t ")), "pass host stapled");
  assert.equal(
    await verify(good.replace("VSMTP-Key-Statement:", "vsmtp-key-statement :")),
    "pass host stapled",
  );
  const others = staple({ identity: "bob@someisp.tld" }) + staple({ kid: otherKey().kid });
  assert.equal(await verify(others + good), "pass host stapled");
});

test("without dk or without sl there are no staples, and the epoch voids old ones (STP-2)", async () => {
  for (const policy of ["sl=300", `dk=${dkBase64}`, `dk=${dkBase64}; sl=0`, `${WANTED}; ep=${NOW + 1}`]) {
    net.publish(1, policy);
    assert.equal(await verify(staple()), "unavailable", policy);
  }
  net.publish(1);
  assert.equal(await verify(staple()), "unavailable");
  net.publish(1, `${WANTED}; ep=${NOW}`);
  assert.equal(await verify(staple()), "pass host stapled");
  net.publish(1, `dk=${dkBase64}; sl=100000`); // clamped to 900 (POL-11)
  net.nowMs += 900_000;
  assert.equal(await verify(staple()), "pass host stapled");
  net.nowMs += 1000;
  assert.equal(await verify(staple()), "unavailable");
});

test("it is trusted as a domain where dk came with DNSSEC, else as a host (STP-5, TRU-7, TRU-8)", async () => {
  net.publish(1, `${WANTED}; auth=domain`);
  assert.equal(await verify(staple()), "unavailable");
  net.publish(1, WANTED);
  assert.equal(await verify(staple(), { requiredTrust: "domain" }), "unavailable");
  net.dns.authenticate(["someisp.tld"]);
  assert.equal(await verify(staple(), { requiredTrust: "domain" }), "pass domain stapled");
  net.publish(1, `${WANTED}; auth=domain`);
  assert.equal(await verify(staple()), "pass domain stapled");
});

test("what the receiver knows of a key outranks a staple (STP-7)", async () => {
  const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"], { signer });
  directory.set("allice@someisp.tld", { ...activeKey, state: "revoked" });
  const at = receiver();
  assert.equal(await at(""), "revoked");
  assert.equal(await at(staple()), "revoked");
  net.nowMs += 601_000;
  assert.equal(await at(staple({ issuedAt: NOW + 601 })), "pass host stapled");
});

test("nothing is remembered from a staple, and it spends nothing of a domain's budget (STP-7)", async () => {
  const at = receiver();
  for (let n = 0; n < 61; n++) assert.equal(await at(staple()), "pass host stapled");
  assert.equal(await at(""), "unavailable");
  assert.deepEqual(net.dialled, [mx1]);
});

test("where the policy cannot be looked up a staple counts as little as a lookup (POL-16)", async () => {
  net.dns.fail("_vsmtp.someisp.tld", "SERVFAIL");
  assert.equal(await verify(staple()), "unavailable");
});
