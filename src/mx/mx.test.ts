import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, beforeEach, test } from "node:test";
import type { DomainSettings } from "../border/index.ts";
import { type Actions, defaultPolicy, type Stage } from "../config/index.ts";
import { MappingDialer } from "../dialer/index.ts";
import { DnsServer, dnsPolicySource, StubResolver } from "../dns/index.ts";
import { statementKeySource } from "../key-protocol/index.ts";
import { parseAddress } from "../message/index.ts";
import { type LeasedMessage, piecesOf, Queue, RetrySchedule } from "../queue/index.ts";
import { type KeySource, keyId, type SigningKey, sign } from "../signature/index.ts";
import { type OutgoingMessage, openSmtp, SmtpServer } from "../smtp/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import { Verification } from "../verification/index.ts";
import { type MxEvent, MxHandler, type MxRefusal } from "./index.ts";

// The MX on a real socket, with a real queue, real DNS on loopback and key statements from a list.

const NOW_S = 1_800_000_000;
const folder = mkdtempSync(join(tmpdir(), "vsmtp-mx-"));
const spoolFolder = join(folder, "spool");
const queuePath = join(folder, "queue.db");
const spool = await Spool.open(spoolFolder);
const store = await openQueueStore(queuePath, spool, { busyTimeoutMs: 10 });
const queue = new Queue({ store, retry: new RetrySchedule() });
const dns = new DnsServer();
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const spki = createPublicKey(publicKey.export({ format: "pem", type: "spki" })).export({
  format: "der",
  type: "spki",
});
const key: SigningKey = { kid: keyId(spki), algorithm: "ed25519-sha256", privateKey };
const times = `nb=${NOW_S - 100}; na=${NOW_S + 9_999_999}; iat=${NOW_S}; ttl=600`;
const statement = (state: string): string =>
  `v=1; i=allice@someisp.test; k=${key.kid}; a=ed25519-sha256; st=${state}; ${times}${state === "active" ? `; p=${spki.toString("base64")}` : ""}`;
let keys: KeySource = statementKeySource([statement("active")]);
let events: MxEvent[] = [];
let refusals: MxRefusal[] = [];
let port = 0;
let server: SmtpServer;
let handler: MxHandler;

const domains: Record<string, DomainSettings> = {
  ...domain("dest.test", null),
  ...domain("alias.test", null),
  ...domain("observe.test", "observe"),
  ...domain("require.test", "require"),
  ...domain("lenient.test", "enforce", { revoked: "quarantine", none: "discard" }),
};

function domain(name: string, stage: Stage | null, actions: Actions = {}): Record<string, DomainSettings> {
  return { [name]: { name, stage, actions, senders: [] } };
}

before(async () => {
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  dns.set("_vsmtp.careful.test", { TXT: ["v=VSMTP1; p=quarantine"] });
  dns.fail("_vsmtp.broken.test", "SERVFAIL");
  const resolver = new StubResolver({ servers: [{ address: "127.0.0.1", port: dnsPort }] });
  const verification = new Verification({
    keys: { lookUp: (query) => keys.lookUp(query) },
    policies: dnsPolicySource(resolver),
    clock: { now: () => NOW_S * 1000 },
  });
  handler = new MxHandler({
    hostname: "mx.dest.test",
    postmaster: "postmaster@dest.test",
    mailbox: (localPart, domain) => {
      const settings = domains[domain];
      if (!settings) return { kind: "not-hosted" };
      return localPart === "nobody" ? { kind: "unknown" } : { kind: "accepted", settings };
    },
    verification,
    // The tests send some messages again and again.
    policy: { ...defaultPolicy, replays: "accept" },
    quarantine: { into: "mailbox", keepMs: 0 },
    queue,
    spool,
    bufferOctets: 1 << 20,
    onEvent: (event) => events.push(event),
    onRefused: (refusal) => refusals.push(refusal),
  });
  server = new SmtpServer({ hostname: "mx.dest.test", handler, tlsMode: "plain" });
  ({ port } = await server.listen({ host: "127.0.0.1", port: 0 }));
});

beforeEach(() => {
  events = [];
  refusals = [];
  keys = statementKeySource([statement("active")]);
});

after(async () => {
  await server.close(0);
  await queue.close();
  await store.close();
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

const MESSAGE = "From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: Lunch?\r\n\r\nNoon?\r\n";

function signed(text = MESSAGE): Buffer {
  const identity = parseAddress("allice@someisp.test");
  assert.ok(identity.ok);
  const result = sign(Buffer.from(text, "latin1"), {
    keys: [key],
    identity: identity.address,
    signedAt: NOW_S,
  });
  assert.ok(result.ok);
  return result.message;
}

/** Sends and tells the replies, one for each recipient. */
function send(content: Uint8Array | string, ...recipients: string[]): Promise<string[]> {
  const to = recipients.length > 0 ? recipients : ["bob@dest.test"];
  return transmit({
    recipients: to.map((address) => ({ address })),
    content: Buffer.from(content as string, "latin1"),
  });
}

async function transmit(message: Omit<OutgoingMessage, "reversePath">): Promise<string[]> {
  const target = { host: "mx.dest.test", address: "127.0.0.1", port };
  const opened = await openSmtp(new MappingDialer(), target, {
    hostname: "out.test",
    tls: { mode: "never" },
  });
  assert.ok(opened.ok);
  const outcomes = await opened.client.send({ reversePath: "allice@someisp.test", ...message });
  await opened.client.quit();
  return outcomes.map(({ code, enhanced, text }) => `${code} ${enhanced} ${text}`);
}

/** What lies in the queue, which is emptied. */
async function queued(): Promise<
  { text: string; suspicious: boolean; recipients: string[]; leased: LeasedMessage }[]
> {
  const found = [];
  for (const message of await queue.lease({ limit: 10, perDestination: () => 10, inWork: new Map() })) {
    const pieces: Uint8Array[] = [];
    for await (const piece of piecesOf(await queue.content(message))) pieces.push(piece);
    const recipients = message.recipients.map(({ address }) => address);
    found.push({
      text: Buffer.concat(pieces).toString("latin1"),
      suspicious: message.suspicious,
      recipients,
      leased: message,
    });
    const outcomes = message.recipients.map(({ index }) => ({
      index,
      kind: "delivered" as const,
      detail: "",
    }));
    await queue.settle(message, { outcomes, attempted: true, warned: false, reports: [] });
  }
  return found;
}

test("verified mail is queued with its result above its trace, its octets untouched (REC-1, VER-13)", async () => {
  const message = signed();
  const [reply] = await send(message);
  assert.match(reply ?? "", /^250 2\.0\.0 Ok: queued as /);
  const [stored] = await queued();
  assert.match(
    stored?.text ?? "",
    /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=pass header\.i=allice@someisp\.test header\.k=\S{22}\r\n policy\.align=from policy\.rcpt=unbound\r\nReceived: from out\.test /,
  );
  assert.ok(stored?.text.endsWith(message.toString("latin1")));
  assert.deepEqual(
    [events[0]?.verdict.result, events[0]?.decision.action, stored?.suspicious],
    ["pass", "deliver", false],
  );
});

test("what a forger writes in our name goes: results under our id and the flag (REC-2)", async () => {
  const forged = [
    "Authentication-Results: mx.dest.test; vsmtp=pass header.i=boss@someisp.test",
    "authentication-results: (c) MX.dest.TEST; vsmtp=pass",
    "Authentication-Results: mx.other.test; spf=pass",
    "X-VSMTP-Flag: none",
    "",
  ].join("\r\n");
  await send(forged + signed().toString("latin1"));
  const [stored] = await queued();
  assert.equal(stored?.text.match(/authentication-results:/gi)?.length, 2);
  assert.match(stored?.text ?? "", /mx\.other\.test; spf=pass/);
  assert.doesNotMatch(stored?.text ?? "", /boss@|X-VSMTP-Flag/);
});

test("unsigned mail meets the From domain's policy and the stage (ACT-4, POL-13, POL-16)", async () => {
  const from = (domain: string): string => MESSAGE.replace("allice@someisp.test", `eve@${domain}`);
  const rows: [from: string, to: string, reply: RegExp, flagged: RegExp | null][] = [
    ["someisp.test", "bob@dest.test", /^550 5\.7\.1 VSMTP\/unsigned the From domain/, null],
    ["careful.test", "bob@dest.test", /^250/, /^X-VSMTP-Flag: quarantine; VSMTP\/unsigned\r$/m],
    ["none.test", "bob@dest.test", /^250/, /^(?![\s\S]*X-VSMTP-Flag)/],
    ["broken.test", "bob@dest.test", /^250/, /^(?![\s\S]*X-VSMTP-Flag)/],
    ["none.test", "bob@observe.test", /^250/, /^X-VSMTP-Flag: tag; VSMTP\/unsigned\r$/m],
    ["none.test", "bob@require.test", /^550 5\.7\.1 VSMTP\/unsigned the message/, null],
    ["none.test", "bob@lenient.test", /^250 2\.0\.0 Ok$/, null],
  ];
  for (const [domain, to, reply, flagged] of rows) {
    const [answer] = await send(from(domain), to);
    assert.match(answer ?? "", reply, `${domain} to ${to}`);
    const [stored] = await queued();
    assert.equal(stored !== undefined, flagged !== null, `${domain} to ${to}`);
    if (flagged) assert.match(stored?.text ?? "", flagged);
    assert.equal(stored?.suspicious ?? false, domain === "careful.test");
  }
});

test("refusal and temporary failure are answered in the session; the operator may say otherwise (ACT-3, ACT-8)", async () => {
  keys = statementKeySource([statement("revoked")]);
  assert.match(
    (await send(signed()))[0] ?? "",
    /^550 5\.7\.5 VSMTP\/revoked the signing key has been revoked/,
  );
  assert.match((await send(signed(), "bob@lenient.test"))[0] ?? "", /^250/);
  assert.equal((await queued())[0]?.suspicious, true);
  keys = { lookUp: async () => ({ kind: "temperror", detail: "down" }) };
  assert.match((await send(signed()))[0] ?? "", /^451 4\.4\.3 VSMTP\/unavailable/);
  assert.match(
    (await send(signed().toString("latin1").replace("Noon?", "Now!")))[0] ?? "",
    /^550 5\.7\.1 VSMTP\/body/,
  );
  assert.deepEqual(await queued(), []);
});

test("recipients: unknown and foreign ones are refused, other settings come separately", async () => {
  const answers = await send(
    signed(),
    "bob@dest.test",
    "nobody@dest.test",
    "x@elsewhere.test",
    "al@alias.test",
    "o@observe.test",
  );
  assert.deepEqual(
    answers.map((answer) => answer.slice(0, 9)),
    ["250 2.0.0", "550 5.1.1", "550 5.7.1", "250 2.0.0", "452 4.5.3"],
  );
  const taken = (await queued()).flatMap(({ recipients }) => recipients);
  assert.deepEqual(taken.sort(), ["al@alias.test", "bob@dest.test"]);
});

test("mail loops end, and there is only so much room", async () => {
  const received = "Received: from a by b\r\n".repeat(100);
  assert.match((await send(received + MESSAGE))[0] ?? "", /^554 5\.4\.6/);
  const filled = "X-Filler: ".concat("x".repeat(70), "\r\n").repeat(8000) + MESSAGE;
  assert.match((await send(filled))[0] ?? "", /^452 4\.3\.1/);
  assert.deepEqual(
    refusals.map(({ reply }) => reply.enhanced),
    ["5.4.6", "4.3.1"],
  );
  assert.match((await send(signed()))[0] ?? "", /^250/);
  await queued();
});

test("a queue that cannot store answers 451, and nothing is lost or kept twice", async () => {
  const blocker = new DatabaseSync(queuePath);
  blocker.exec("BEGIN IMMEDIATE");
  assert.match((await send(signed()))[0] ?? "", /^451 4\.3\.0/);
  blocker.exec("ROLLBACK");
  blocker.close();
  assert.ok(events[0]?.cause instanceof Error);
  assert.deepEqual(await queued(), []);
});

test("large messages go through the spool, octet for octet, and are verified on the way", async () => {
  const line = `${"x".repeat(76)}\r\n`;
  for (const octets of [1 << 20, 20 << 20]) {
    const message = signed(MESSAGE + line.repeat(octets / line.length));
    assert.match((await send(message))[0] ?? "", /^250/);
    assert.deepEqual([events.at(-1)?.verdict.result, readdirSync(spoolFolder).length], ["pass", 1]);
    const [stored] = await queued();
    assert.ok(stored?.text.endsWith(message.toString("latin1")));
    assert.deepEqual(readdirSync(spoolFolder), []);
    const altered = Buffer.from(message);
    altered[message.length - 100] = 121;
    assert.match((await send(altered))[0] ?? "", /^550 5\.7\.1 VSMTP\/body/);
  }
  while (readdirSync(spoolFolder).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a message without the empty line stays without it (MSG-13)", async () => {
  const headerOnly = signed("From: allice@someisp.test\r\nTo: bob@dest.test\r\n");
  assert.match((await send(headerOnly))[0] ?? "", /^250/);
  assert.ok((await queued())[0]?.text.endsWith(headerOnly.toString("latin1")));
});

test("RFC 5321 §4.5.1 mail for the host's postmaster is taken, with and without a domain", async () => {
  const to = [
    "Postmaster",
    "POSTMASTER@MX.dest.test",
    "postmaster@dest.test",
    "postmaster@dest.test.mx.dest.test",
  ];
  const answers = await transmit({ recipients: to.map((address) => ({ address })), content: signed() });
  assert.deepEqual(
    answers.map((answer) => answer.slice(0, 9)),
    ["250 2.0.0", "250 2.0.0", "250 2.0.0", "550 5.7.1"],
  );
  const stored = await queued();
  assert.deepEqual(
    stored.map(({ recipients }) => recipients),
    [["postmaster@dest.test"]],
  );
});

test("RFC 3461, RFC 8689 the envelope's parameters go into the queue; a recipient named twice counts once", async () => {
  const bob = {
    address: "bob@dest.test",
    notify: ["failure"],
    originalRecipient: "rfc822;b@x.test",
  } as const;
  const again = { address: "bob@dest.test", notify: ["never"] } as const;
  const [answer] = await transmit({
    recipients: [bob, again, { address: "postmaster@dest.test" }],
    envelopeId: "id+2B1",
    returned: "full",
    content: signed(),
  });
  assert.match(answer ?? "", /^250/);
  const [message] = await queued();
  assert.deepEqual(
    message?.leased.recipients.map(({ address, notify, originalRecipient }) => [
      address,
      notify,
      originalRecipient,
    ]),
    [
      ["bob@dest.test", ["failure"], "rfc822;b@x.test"],
      ["postmaster@dest.test", null, null],
    ],
  );
  assert.deepEqual([message?.leased.envelopeId, message?.leased.returned], ["id+2B1", "full"]);
});

test("a spool that cannot store answers 451, and says why to the log", async () => {
  const large = signed(MESSAGE + `${"x".repeat(76)}\r\n`.repeat(8000));
  rmSync(spoolFolder, { recursive: true });
  assert.match((await send(large))[0] ?? "", /^451 4\.3\.0 The message cannot be stored now/);
  assert.ok(refusals[0]?.cause instanceof Error || events[0]?.cause instanceof Error);
  assert.match((await send(signed()))[0] ?? "", /^250/, "small ones need no spool");
  mkdirSync(spoolFolder);
  assert.match((await send(large))[0] ?? "", /^250/);
  assert.equal((await queued()).length, 2);
});
