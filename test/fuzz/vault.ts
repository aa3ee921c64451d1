// Both sides of the private interface, and H as it comes with SIGN.
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { checkHeaderCanonical } from "../../src/signature/index.ts";
import {
  errorReply,
  limitReply,
  MAX_H_OCTETS,
  MAX_LINE_OCTETS,
  VaultConnection,
  type VaultReply,
  type VaultRequest,
  type VaultResponder,
  VaultServerSession,
} from "../../src/vault-protocol/index.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

const TICKET = "AAAAAAAAAAAAAAAAAAAAAA";
const KID = "FIH_rUKoiX6PoyILK0Uagg";
const address = { localPart: "allice", domain: "someisp.test" };
const H = Buffer.from(
  "from:Allice <allice@someisp.test>\r\nto:bob@dest.test\r\nsubject:Lunch?\r\n" +
    `vsmtp-signature:v=1; a=ed25519-sha256; i=allice@someisp.test; k=${KID}; t=1073304000; x=1073908800; ` +
    "h=from:sender:reply-to:to:cc:subject:date:message-id:in-reply-to: references:mime-version:content-type:" +
    "content-transfer-encoding: content-disposition; bh=MLlAUhq1WOxmJGGvkhuUJnJ2NxyYgZEPnIr+FgZqYMg=; " +
    "r=AAECAwQFBgcICQoLDA0ODw:f3fRZEltlUV0T1rybP9aiQ; b=",
);
const REQUESTS = [
  "CAPA",
  "NOOP",
  "QUIT",
  "AUTH PLAIN AGFsbGljZQBzZWNyZXQ= ip=192.0.2.1",
  "AUTH SCRAM-SHA-256-PLUS = cb=AAECAw== ip=2001:db8::1",
  "AUTH LOGIN",
  "ASSERT mailer-daemon@someisp.test ip=192.0.2.1",
  `ID ${TICKET} allice@someisp.test`,
  `SPEND ${TICKET} 3`,
  `GETKEY ${TICKET} allice@someisp.test`,
  `DROP ${TICKET}`,
  "*",
  "",
  "AAAA",
].map((line) => Buffer.from(`${line}\r\n`));
const SIGN = Buffer.concat([Buffer.from(`SIGN ${TICKET} allice@someisp.test ${KID} 2 ${H.length}\r\n`), H]);
const named = { kid: KID, algorithm: "ed25519-sha256" } as const;
const REPLIES: readonly VaultReply[] = [
  { kind: "done" },
  { kind: "challenge", octets: Buffer.from("challenge") },
  { kind: "ticket", ticket: TICKET, primary: address, accountId: "0123456789abcdef01234567" },
  { kind: "identified", identity: address, keys: [{ ...named, statement: null }] },
  { kind: "signature", octets: Buffer.alloc(64) },
  { kind: "keys", keys: [{ ...named, expiresIn: 900, pkcs8: Buffer.alloc(48) }] },
  { kind: "capabilities", capabilities: { mechanisms: ["PLAIN"], modes: ["SIGN"], mayAssert: true } },
  limitReply(100, 1_073_304_000_000),
  errorReply("TEMP", "later"),
];

export const target: FuzzTarget = {
  measure: "requests",
  run(random) {
    const part = random.below(10);
    if (part < 1) return tryH(random);
    return part < 6 ? tryServer(random) : tryClient(random);
  },
};

function tryH(random: Random): number {
  const h = random.mutate(H);
  const check = checkHeaderCanonical(h);
  // What passes is canonical, so there is exactly one reading of it.
  if (check.ok) assert.ok(!/[\0\t]|\r(?!\n)|(?<!\r)\n|\r\n[ \t]/.test(h.toString("latin1")));
  return 1;
}

async function tryServer(random: Random): Promise<number> {
  let sent = "";
  let closed = false;
  let resumed = true;
  const reply = (): Promise<VaultReply> => {
    const answer = random.pick(REPLIES.filter(({ kind }) => kind !== "challenge"));
    return random.oneIn(2)
      ? Promise.resolve(answer)
      : new Promise((resolve) => setImmediate(resolve, answer));
  };
  const responder: VaultResponder = {
    capabilities: () => ({ mechanisms: ["PLAIN"], modes: ["SIGN", "GETKEY"], mayAssert: false }),
    logIn: () =>
      random.oneIn(4)
        ? errorReply("UNSUPP", "no such mechanism")
        : { respond: async () => (random.oneIn(2) ? (REPLIES[1] as VaultReply) : reply()), cancel: () => {} },
    answer: reply,
    sign: (request, h) => {
      assert.equal(h.length, request.length);
      assert.ok(h.length <= MAX_H_OCTETS);
      return reply();
    },
  };
  const session = new VaultServerSession(responder, {
    send: (text) => {
      assert.ok(!closed, "nothing is sent behind the close");
      sent += text;
    },
    resume: () => {
      resumed = true;
    },
    close: () => {
      closed = true;
    },
  });
  const { input, count } = hostileRequests(random);
  for (const piece of random.pieces(input)) {
    if (closed) break;
    if (!session.ready) {
      resumed = false;
      for (let turns = 0; !resumed && !closed && turns < 300; turns++) await turn();
      assert.ok(resumed || closed, "a session that does not take input takes it again");
      if (closed) break;
    }
    session.receive(piece);
  }
  for (let turns = 0; !session.idle && turns < 5; turns++) await turn();
  session.closed();
  assert.ok(sent === "" || sent.endsWith("\r\n"));
  for (const line of sent.split("\r\n")) {
    assert.ok(/^[ -~]*$/.test(line) && line.length < MAX_LINE_OCTETS);
  }
  return count;
}

function hostileRequests(random: Random): { input: Buffer; count: number } {
  if (random.oneIn(20)) return { input: random.octets(random.below(500)), count: 1 };
  if (random.oneIn(200)) {
    const input = Buffer.alloc(random.below(40_000), random.pick(["x", "\r", "\n", " "]));
    return { input, count: 1 };
  }
  const parts: Buffer[] = [];
  for (let left = 1 + random.below(random.oneIn(50) ? 200 : 8); left > 0; left--) {
    const part = random.oneIn(4) ? SIGN : random.pick(REQUESTS);
    parts.push(random.oneIn(2) ? random.mutate(part) : part);
  }
  return { input: Buffer.concat(parts), count: parts.length };
}

/** A vault that answers anything, to requests that wait for it. */
async function tryClient(random: Random): Promise<number> {
  const socket = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => done(),
    allowHalfOpen: false,
  });
  const connection = new VaultConnection(socket);
  const requests: VaultRequest[] = [
    { verb: "NOOP" },
    { verb: "CAPA" },
    { verb: "ID", ticket: TICKET, address },
    { verb: "GETKEY", ticket: TICKET, address },
    { verb: "SPEND", ticket: TICKET, recipients: 1 },
    { verb: "ASSERT", address, client: null },
    { verb: "SIGN", ticket: TICKET, address, kid: KID, recipients: 1, length: H.length },
    { verb: "AUTH", mechanism: "PLAIN", initial: null, channelBinding: null, client: null },
  ];
  const asked = Array.from({ length: 1 + random.below(6) }, () => random.pick(requests));
  const answers = asked.map((request) => connection.request(request));
  const written = asked.map(() => Buffer.from(formatted(random)));
  const input = Buffer.concat(written.map((one) => (random.oneIn(2) ? random.mutate(one) : one)));
  for (const piece of random.pieces(input)) socket.push(piece);
  await turn();
  connection.close();
  // Every request has its answer, whatever the vault says.
  for (const answer of await Promise.all(answers)) assert.ok(answer.kind.length > 0);
  return asked.length;
}

const texts = REPLIES.map((reply) => {
  let text = "";
  const responder = { answer: async () => reply } as unknown as VaultResponder;
  const session = new VaultServerSession(responder, {
    send: (sent) => (text += sent),
    resume: () => {},
    close: () => {},
  });
  session.receive(Buffer.from(`DROP ${TICKET}\r\n`));
  return () => text;
});

function formatted(random: Random): string {
  return random.pick(texts)();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
