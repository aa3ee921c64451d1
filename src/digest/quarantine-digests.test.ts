import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type NewMessage, piecesOf, type QuarantineNote, Queue, RetrySchedule } from "../queue/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import { type DigestOrder, type DigestSigner, QuarantineDigests } from "./index.ts";

const DAY = 86_400_000;
const MIDNIGHT = Date.parse("2026-11-26T00:00:00Z");

/** Time that a test sets. */
class Clock {
  at = MIDNIGHT;
  now(): number {
    return this.at;
  }
  schedule(): () => void {
    return () => {};
  }
}

/** From this host, unsigned; or not now. */
class Signer implements DigestSigner {
  isAway = false;
  readonly orders: DigestOrder[] = [];

  async sign(order: DigestOrder): ReturnType<DigestSigner["sign"]> {
    if (this.isAway) return { kind: "later" };
    this.orders.push(order);
    const content = { inline: order.compose(`mailer-daemon@${order.domain}`), file: null };
    return { kind: "ready", messages: [message([order.recipient], { content, sender: "" })] };
  }
}

async function open(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-digest-"));
  const spool = await Spool.open(join(folder, "spool"));
  const store = await openQueueStore(join(folder, "queue.sqlite"), spool);
  const clock = new Clock();
  const queue = new Queue({ store, retry: new RetrySchedule(), clock, hostname: "mx.dest.test" });
  const signer = new Signer();
  t.after(async () => {
    await queue.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const start = () =>
    new QuarantineDigests({
      queue,
      signer,
      hostname: "mx.dest.test",
      isRead: (localPart, domain) => domain === "dest.test" && localPart !== "list",
      reasonText: (reason) => `in words: ${reason}`,
      clock,
    });
  const never = new AbortController().signal;
  /** Messages that come at a time. */
  const keep = async (at: number, ...messages: readonly NewMessage[]): Promise<void> => {
    clock.at = at;
    await queue.enqueue(messages);
  };
  return { queue, clock, signer, start, keep, send: () => start().send(never) };
}

function message(to: readonly string[], rest: Partial<NewMessage> = {}): NewMessage {
  return {
    sender: "eve@evil.test",
    recipients: to.map((address) => ({ address, notify: null, originalRecipient: null })),
    prefix: new Uint8Array(),
    content: { inline: Buffer.from("x\r\n"), file: null },
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    suspicious: false,
    ...rest,
  };
}

function kept(to: readonly string[], note: Partial<QuarantineNote> = {}): NewMessage {
  const quarantine: QuarantineNote = {
    until: MIDNIGHT + 30 * DAY,
    result: "fail",
    reason: "body",
    identity: null,
    kid: null,
    from: "Eve <eve@evil.test>",
    authors: ["eve@evil.test"],
    subject: "lunch",
    messageId: null,
    client: "192.0.2.1",
    decidedBy: "policy",
    because: null,
    ...note,
  };
  return message(to, { quarantine });
}

async function textsOf(queue: Queue): Promise<string[]> {
  const texts: string[] = [];
  for (const leased of await queue.lease({ limit: 99, perDestination: () => 99, inWork: new Map() })) {
    const pieces: Uint8Array[] = [];
    for await (const piece of piecesOf(await queue.content(leased))) pieces.push(piece);
    texts.push(Buffer.concat(pieces).toString());
  }
  return texts;
}

test("each recipient is told once of each day, in plain words", async (t) => {
  const { queue, clock, signer, keep, send } = await open(t);
  const hostile = "=?utf-8?Q?D=C3=B6ner=0D=0ABcc:_x@evil.test?= \u202e\x1b[31m";
  const toMany = ["Bob@Dest.test", "list@dest.test", "carol@dest.test"];
  await keep(MIDNIGHT - DAY, kept(toMany, { subject: hostile }), kept(["who@elsewhere.test"]));
  const unnamed = { reason: null, result: "pass", from: "", subject: "x".repeat(500) };
  await keep(MIDNIGHT - 1, kept(["bob@dest.test"], unnamed));
  await keep(MIDNIGHT, kept(["dan@dest.test"]));
  clock.at = MIDNIGHT + 1000;
  assert.deepEqual(await send(), { sent: 2, complete: true });
  assert.deepEqual(
    signer.orders.map(({ recipient, domain }) => [recipient, domain]),
    [
      ["bob@dest.test", "dest.test"],
      ["carol@dest.test", "dest.test"],
    ],
  );
  assert.deepEqual(await send(), { sent: 0, complete: true }, "after a restart, too");
  const bob = (await textsOf(queue)).find((text) => text.includes("To: <bob")) ?? "";
  const [, first, second] = /\r\n\r\n(\w{16})\r\n[\s\S]*\r\n\r\n(\w{16})\r\n/.exec(bob) ?? [];
  assert.equal(
    bob.replaceAll("=\r\n", "").replace(/^Message-ID: .*\r\n/m, ""),
    [
      "From: Mail delivery <mailer-daemon@dest.test>",
      "To: <bob@dest.test>",
      "Subject: Kept from you on 25 November 2026: 2 messages",
      "Date: Thu, 26 Nov 2026 00:00:01 +0000",
      "Auto-Submitted: auto-generated",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "2 messages for bob@dest.test",
      "came on 25 November 2026 and are kept back, since it is not",
      "certain who wrote them. After some time they are deleted.",
      "",
      "If you miss one of these, write to",
      "postmaster@dest.test and name its number.",
      "If you expected none of them, you need not do anything.",
      "",
      first,
      "  from     Eve <eve@evil.test>",
      "  subject  D=C3=B6ner??Bcc: x@evil.test ??[31m",
      "  came     2026-11-25 00:00 UTC, kept until 2026-12-26",
      "  because  in words: body (VSMTP/body)",
      "",
      second,
      "  from     (none)",
      `  subject  ${"x".repeat(100)}...`,
      "  came     2026-11-25 23:59 UTC, kept until 2026-12-26",
      "  because  in words: pass (VSMTP/pass)",
      "",
      "This is the mail system at mx.dest.test.",
      "",
    ].join("\r\n"),
  );
  clock.at = MIDNIGHT + DAY;
  assert.deepEqual(await send(), { sent: 1, complete: true }, "what came meanwhile");
});

test("whatever stands in quotes in RCPT stays in quotes: nobody else is told", async (t) => {
  const { signer, clock, keep, send, queue } = await open(t);
  const hostile = '"victim@elsewhere.test> notify=never orcpt=rfc822;a"@dest.test';
  await keep(MIDNIGHT - 1, kept([hostile]));
  clock.at = MIDNIGHT;
  await send();
  assert.equal(signer.orders[0]?.recipient, hostile);
  assert.match((await textsOf(queue))[0] ?? "", /^To: <"victim@elsewhere\.test> .*"@dest\.test>\r$/m);
});

test("of several processes one tells; what cannot be signed is told later, what is not there any more never", async (t) => {
  const { queue, clock, signer, start, keep, send } = await open(t);
  await keep(MIDNIGHT - 9 * DAY, kept(["late@dest.test"]));
  await keep(MIDNIGHT - 2 * DAY, kept(["bob@dest.test"]));
  const toBoth = kept(["bob@dest.test", "carol@dest.test"]);
  await keep(MIDNIGHT - DAY, toBoth, kept(["gone@dest.test"], { reason: "revoked" }));
  await queue.order({ state: "quarantined", reason: "revoked" }, { kind: "remove" });
  clock.at = MIDNIGHT + 1000;
  signer.isAway = true;
  assert.deepEqual(await send(), { sent: 0, complete: false });
  signer.isAway = false;
  const never = new AbortController().signal;
  const all = await Promise.all([start(), start(), start()].map((one) => one.send(never)));
  assert.equal(
    all.reduce((sum, { sent }) => sum + sent, 0),
    3,
  );
  assert.deepEqual((await textsOf(queue)).map((text) => /^To: (.*)\r$/m.exec(text)?.[1]).sort(), [
    "<bob@dest.test>",
    "<bob@dest.test>",
    "<carol@dest.test>",
  ]);
  assert.deepEqual(await start().send(AbortSignal.abort()), { sent: 0, complete: true });
});

test("whoever got very many is told how many, and the first of them", async (t) => {
  const { queue, clock, keep, send } = await open(t);
  await keep(MIDNIGHT - DAY, ...Array.from({ length: 1203 }, () => kept(["bob@dest.test"])));
  clock.at = MIDNIGHT + 1000;
  assert.deepEqual(await send(), { sent: 1, complete: true });
  const [text = ""] = await textsOf(queue);
  assert.match(text, /Subject: Kept from you on 25 November 2026: 1,203 messages\r\n/);
  assert.equal(text.match(/^ {2}from /gm)?.length, 100);
  assert.match(text, /And 1,103 messages more\./);
});
