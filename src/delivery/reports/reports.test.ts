import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../../message/index.ts";
import type { LeasedMessage, Notify } from "../../queue/index.ts";
import { parseResult } from "../parse-result.ts";
import { describe, type RecipientResult, type Result } from "../result.ts";
import type { Fate } from "./fate.ts";
import { plainReason } from "./plain-reason.ts";
import type { ReportOrder, SignedReport } from "./report-signer.ts";
import { reportedRecipients } from "./reported-recipient.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import {
  ARRIVED,
  anyCase,
  BODY,
  contentOf,
  full,
  HEADER,
  leased,
  recipient,
  resultsOf,
  taken,
  unknown,
  unreachable,
} from "./test-message.ts";
import { resultsWithoutAttempt } from "./without-attempt.ts";

const HOUR = 3_600_000;

function startReporter(
  options: Partial<Omit<ReporterOptions, "now">> & { answer?: SignedReport["kind"]; now?: number } = {},
) {
  const orders: ReportOrder[] = [];
  let now = options.now ?? ARRIVED + HOUR;
  const reporter = new Reporter({
    hostname: "mail.here.test",
    warnAfterMs: 4 * HOUR,
    standing: { problem: async () => null },
    newId: () => "id1",
    signer: {
      isRole: (address) => address.startsWith("mailer-daemon@"),
      sign: async (order) => {
        orders.push(order);
        if (options.answer === "later") return { kind: "later", cause: new Error("the vault is away") };
        return { kind: "ready", messages: [], signedBy: "mailer-daemon@here.test" };
      },
    },
    ...options,
    now: () => now,
  });
  return {
    reporter,
    orders,
    /** The last report as text. */
    text: (): string => orders.at(-1)?.compose("mailer-daemon@here.test").toString() ?? "",
    setTime(time: number): void {
      now = time;
    },
    conclude: (
      message: LeasedMessage,
      results: readonly RecipientResult[],
      content = contentOf(HEADER + BODY),
    ) => reporter.conclude(message, results, content),
  };
}

/** Compares with a file beside this one; `--test-update-snapshots` writes it. */
function golden(t: TestContext, name: string, text: string): void {
  t.assert.fileSnapshot(text, join(import.meta.dirname, "test-golden", `${name}.eml`), {
    serializers: [(value) => value],
  });
}

test("a failure: what happened, why, what to do, in words and in fields", async (t) => {
  const { conclude, text } = startReporter();
  const message = leased({
    envelopeId: "a+2Bb",
    recipients: [recipient("bob@dest.test", { originalRecipient: "rfc822;b+2Bx@here.test" })],
  });
  const { results, reports, unreported, event } = await conclude(message, resultsOf(message, unknown));
  assert.deepEqual([results[0]?.kind, reports, unreported, event?.kind], ["failed", [], false, "reported"]);
  golden(t, "failure", text());
});

test("given up by age", async (t) => {
  const { conclude, text } = startReporter({ now: ARRIVED + 120 * HOUR });
  const message = leased();
  const { results } = await conclude(message, resultsOf(message, full));
  assert.deepEqual(
    [results[0]?.kind, results[0]?.enhanced, results[0]?.text],
    ["failed", "5.4.7", "given up; the last attempt: mx.dest.test said: 452 4.2.2 Mailbox full"],
  );
  golden(t, "given-up", text());
});

test("NOTIFY says who hears of what (RFC 3461 §4.1)", () => {
  const all = ["delivered", "no-dsn", "dsn", "deferred", "failed"] as const;
  const heard = (notify: readonly Notify[] | null) =>
    all.flatMap((fate): string[] => {
      const ended = fate === "failed";
      const onward = fate === "dsn" || fate === "no-dsn" ? fate : "mailbox";
      const result: Result = ended ? unknown : fate === "deferred" ? full : { ...taken, onward };
      const one: Fate = {
        recipient: recipient("bob@dest.test", { notify }),
        ending: ended ? "refused" : null,
        result: { ...result, index: 0, address: "bob@dest.test" },
      };
      return reportedRecipients([one], true).map(({ action }) => action);
    });
  assert.deepEqual(heard(null), ["delayed", "failed"]);
  assert.deepEqual(heard(["never"]), []);
  assert.deepEqual(heard(["failure"]), ["failed"]);
  assert.deepEqual(heard(["delay"]), ["delayed"]);
  assert.deepEqual(heard(["success"]), ["delivered", "relayed"]);
  assert.deepEqual(heard(["success", "failure", "delay"]), ["delivered", "relayed", "delayed", "failed"]);
});

test("a delay is told of once, when it is time, whether there was an attempt or not", async (t) => {
  const { conclude, text, orders, setTime } = startReporter();
  const early = await conclude(leased(), resultsOf(leased(), unreachable));
  assert.deepEqual([early.warned, orders.length], [false, 0]);
  setTime(ARRIVED + 4 * HOUR);
  const message = leased({ purpose: "warn", destinationFailure: describe(unreachable) });
  const { results, warned } = await conclude(message, resultsWithoutAttempt(message));
  assert.deepEqual([results[0]?.kind, warned, orders.length], ["deferred", true, 1]);
  golden(t, "delay", text());
  const attempted = await conclude(leased(), resultsOf(leased(), unreachable));
  assert.deepEqual([attempted.warned, orders.length], [true, 2]);
  const again = leased({ warned: true });
  await conclude(again, resultsOf(again, unreachable));
  const unwanted = leased({ recipients: [recipient("bob@dest.test", { notify: ["failure"] })] });
  assert.equal(
    (await conclude(unwanted, resultsOf(unwanted, unreachable))).warned,
    true,
    "and not looked at again",
  );
  assert.equal(orders.length, 2);
});

test("no delay is told of where none is to be", async () => {
  const { conclude, orders } = startReporter({ warnAfterMs: null, now: ARRIVED + 100 * HOUR });
  await conclude(leased(), resultsOf(leased(), unreachable));
  const warned = leased({ purpose: "warn" });
  assert.equal((await conclude(warned, resultsWithoutAttempt(warned))).warned, false);
  assert.equal(orders.length, 0);
});

test("no delay is told of before its time, whatever the message was woken for", async () => {
  const { conclude, orders } = startReporter();
  const early = leased({ purpose: "warn" });
  assert.equal((await conclude(early, resultsWithoutAttempt(early))).warned, false);
  assert.equal(orders.length, 0);
});

test("success: into the mailbox, or on to a server that does not report", async (t) => {
  const { conclude, text } = startReporter();
  const message = leased({
    recipients: [
      recipient("bob@dest.test", { notify: ["success"] }),
      recipient("carol@dest.test", { index: 1, notify: ["success", "failure"] }),
      recipient("dave@dest.test", { index: 2, notify: ["success"] }),
    ],
  });
  const { event } = await conclude(
    message,
    resultsOf(
      message,
      { ...taken, code: null, text: "stored in the mailbox", remote: null, onward: "mailbox" },
      { ...taken, onward: "no-dsn" },
      { ...taken, onward: "dsn" },
    ),
  );
  assert.equal(event?.kind === "reported" && event.recipients.length, 2);
  golden(t, "success", text());
});

test("one report for all recipients of an attempt", async (t) => {
  const { conclude, text, orders } = startReporter({ now: ARRIVED + 5 * HOUR });
  const message = leased({
    recipients: [
      recipient("bob@dest.test"),
      recipient("carol@dest.test", { index: 1 }),
      recipient("dave@dest.test", { index: 2, notify: ["success"] }),
      recipient("erin@dest.test", { index: 3 }),
    ],
  });
  const kinds = resultsOf(
    message,
    unknown,
    full,
    { ...taken, onward: "no-dsn" },
    { ...unknown, enhanced: "5.2.3" },
  );
  const { results } = await conclude(message, kinds);
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ["failed", "deferred", "delivered", "failed"],
  );
  assert.equal(orders.length, 1);
  golden(t, "mixed", text());
});

test("RET: the whole message where it is asked for and small enough, else its header", async (t) => {
  const { conclude, text, setTime } = startReporter();
  const whole = leased({ returned: "full" });
  await conclude(whole, resultsOf(whole, unknown), contentOf(HEADER, "\r\nAt", " noon.\r\n"));
  golden(t, "whole", text());
  const eightBit = leased({ returned: "full", body: "8bitmime" });
  await conclude(eightBit, resultsOf(eightBit, unknown), contentOf(HEADER, "\r\nßß\r\n"));
  assert.match(text(), /\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--=_id1\r\n/);
  assert.match(
    text(),
    /message\/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nVSMTP[\s\S]*\r\n\r\nßß\r\n\r\n--=_id1--\r\n$/,
  );
  const large = leased({ returned: "full", size: 64 * 1024 + 1 });
  await conclude(large, resultsOf(large, unknown), contentOf(HEADER, "\r\nAt noon.\r\n", "x"));
  assert.match(text(), /the whole of it, which you asked\r\nfor, is too large/);
  assert.match(text(), /text\/rfc822-headers\r\n\r\nVSMTP[\s\S]*Lunch\?\r\n\r\n--=_id1--\r\n$/);
  const manyFields = "X-Field: a line of a header\r\n".repeat(30_000);
  await conclude(large, resultsOf(large, unknown), contentOf(HEADER, manyFields, "\r\nAt noon.\r\n"));
  assert.ok(text().length < 70_000, "nor is a header that is too large");
  assert.match(
    text(),
    /text\/rfc822-headers\r\n\r\nVSMTP[\s\S]*\r\nX-Field: a line of a header\r\n\r\n--=_id1--\r\n$/,
  );
  const delay = leased({ returned: "full", purpose: "warn" });
  setTime(ARRIVED + 4 * HOUR);
  await conclude(delay, resultsWithoutAttempt(delay));
  assert.match(text(), /text\/rfc822-headers/);
});

test("SMTPUTF8: the types of RFC 6533, where something is not ASCII", async (t) => {
  const { conclude, text } = startReporter();
  const message = leased({
    smtputf8: true,
    sender: "älice@here.test",
    recipients: [recipient("bøb@dest.test", { originalRecipient: "utf-8;b\\x{F8}b@old.test" })],
  });
  await conclude(
    message,
    resultsOf(message, { ...unknown, text: "kein Postfach für bøb" }),
    contentOf("Subject: Grüße\r\n\r\n"),
  );
  golden(t, "utf-8", text());
  const plain = leased({ smtputf8: true });
  await conclude(plain, resultsOf(plain, unknown));
  assert.doesNotMatch(text(), /global/);
});

test("ASCII where the message is no SMTPUTF8 one, whatever came with it", async (t) => {
  const { conclude, orders } = startReporter();
  const message = leased({ recipients: [recipient("bøb+x@dest.test")] });
  const words = { ...unknown, text: "kein Postfach \u202e \x1b[31m" };
  await conclude(
    message,
    resultsOf(message, words),
    contentOf(Buffer.from("Subject: Gr\xfc\xdfe\r\n\r\n", "latin1")),
  );
  const report = orders[0]?.compose("mailer-daemon@here.test") ?? Buffer.alloc(0);
  assert.ok(isAscii(report));
  golden(t, "ascii", report.toString());
});

test("the operator returned it, perhaps since its account was stopped", async (t) => {
  const message = leased({
    purpose: "bounce",
    recipients: [recipient("bob@dest.test", { detail: describe(full) })],
  });
  const mine = startReporter();
  const { results } = await mine.conclude(message, resultsWithoutAttempt(message));
  assert.deepEqual([results[0]?.kind, results[0]?.enhanced], ["failed", "5.7.1"]);
  golden(t, "operator", mine.text());
  const stopped = startReporter({ standing: { problem: async () => "its key is revoked" } });
  const { results: others } = await stopped.conclude(message, resultsWithoutAttempt(message));
  assert.equal(others[0]?.enhanced, "5.7.13");
  golden(t, "account", stopped.text());
});

test("expired while its destination rested: the last attempt is told of, or what is wrong there", async () => {
  const { conclude, text } = startReporter({ now: ARRIVED });
  const message = leased({
    purpose: "expired",
    recipients: [
      recipient("bob@dest.test", { detail: describe(full) }),
      recipient("carol@dest.test", { index: 1 }),
    ],
    destinationFailure: describe(unreachable),
  });
  const { results } = await conclude(message, resultsWithoutAttempt(message));
  assert.deepEqual(
    results.map(({ kind, text: words }) => [kind, words]),
    [
      ["failed", "given up; the last attempt: mx.dest.test said: 452 4.2.2 Mailbox full"],
      ["failed", "given up; the last attempt: 4.4.1 192.0.2.25 port 25: connection refused"],
    ],
  );
  assert.match(text(), /Diagnostic-Code: X-VSMTP; 4\.4\.1 192\.0\.2\.25 port 25: connection refused/);
  assert.doesNotMatch(text(), /Last-Attempt-Date/);
});

test("reports, what was suspicious, and a role account's own mail are never reported", async () => {
  const { conclude, orders } = startReporter();
  for (const message of [
    leased({ sender: "" }),
    leased({ suspicious: true }),
    leased({ sender: "mailer-daemon@here.test" }),
    leased({ recipients: [recipient("bob@dest.test", { notify: ["never"] })] }),
  ]) {
    const { event, results } = await conclude(message, resultsOf(message, unknown));
    assert.deepEqual([event?.kind, results[0]?.kind], ["undeliverable", "failed"]);
  }
  assert.equal(orders.length, 0);
});

test("senders elsewhere get ten reports an hour, unsigned rather than late", async () => {
  const { conclude, orders, setTime } = startReporter();
  const message = leased({ account: null, sender: "eve@elsewhere.test" });
  const kinds: unknown[] = [];
  for (let count = 0; count < 12; count++)
    kinds.push((await conclude(message, resultsOf(message, unknown))).event?.kind);
  assert.deepEqual(kinds.slice(9), ["reported", "report-dropped", "report-dropped"]);
  assert.deepEqual([orders[0]?.overdue, orders[0]?.domain], [true, "dest.test"]);
  assert.equal(
    (await conclude(leased(), resultsOf(leased(), unknown))).event?.kind,
    "reported",
    "our own always",
  );
  const tagged = leased({ account: null, sender: "Eve+1@elsewhere.test" });
  assert.equal(
    (await conclude(tagged, resultsOf(tagged, unknown))).event?.kind,
    "report-dropped",
    "the same mailbox",
  );
  setTime(ARRIVED + 3 * HOUR);
  assert.equal((await conclude(message, resultsOf(message, unknown))).event?.kind, "reported");
});

test("what cannot be told now has not failed yet; after a day too long it is told without a signature", async () => {
  const { conclude, orders, setTime } = startReporter({ answer: "later" });
  const message = leased({
    recipients: [recipient("bob@dest.test"), recipient("carol@dest.test", { index: 1 })],
  });
  const { results, unreported, event } = await conclude(message, resultsOf(message, unknown, taken));
  assert.deepEqual(
    [results.map(({ kind }) => kind), unreported, event?.kind],
    [["deferred", "delivered"], true, "report-failed"],
  );
  assert.deepEqual([orders[0]?.overdue, orders[0]?.domain], [false, "here.test"]);
  setTime(message.expiresAt + 24 * HOUR);
  await conclude(message, resultsOf(message, unknown, taken));
  assert.equal(orders[1]?.overdue, true);
});

test("a message that cannot be read is told of later, and then without its header", async () => {
  const broken = async () => {
    throw new Error("the file is gone");
  };
  const { conclude, orders, text, setTime } = startReporter();
  assert.equal((await conclude(leased(), resultsOf(leased(), unknown), broken)).unreported, true);
  setTime(ARRIVED + 200 * HOUR);
  await conclude(leased(), resultsOf(leased(), unknown), broken);
  assert.equal(orders.length, 1);
  assert.match(text(), /Final-Log-ID: [^\r]*\r\n\r\n--=_id1--\r\n$/);
});

test("whatever others said, a report is well-formed: lines, header, parts, fields", async () => {
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ message, results, content }) => {
      const { conclude, orders } = startReporter({ now: ARRIVED + 5 * HOUR });
      await conclude(message, results, content);
      for (const order of orders)
        assertWellFormed(order.compose("mailer-daemon@here.test"), message.smtputf8);
    }),
    { numRuns: 500 },
  );
});

function assertWellFormed(report: Buffer, utf8: boolean): void {
  const text = report.toString("latin1");
  const headEnd = text.indexOf("\r\n\r\n") + 2;
  assert.equal(parseHeader(report.subarray(0, headEnd)).fault, null);
  const [preamble, ...parts] = text.slice(headEnd).split(/\r\n--=_id1(?:--)?\r\n/);
  assert.deepEqual([preamble, parts.length, parts.at(-1)], ["", 4, ""]);
  const [words = "", status = ""] = parts;
  for (const part of [words, status]) {
    assert.doesNotMatch(part, /[^\r]\n|\r[^\n]|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/);
    assert.ok(part.split("\r\n").every(({ length }) => length <= 998));
    if (!utf8) assert.ok(isAscii(Buffer.from(part, "latin1")));
  }
  const [mime, ofMessage, ...ofRecipients] = status.split("\r\n\r\n");
  assert.match(mime ?? "", /^Content-Type: message\/(?:global-)?delivery-status/);
  for (const fields of [ofMessage, ...ofRecipients])
    assert.match(fields ?? "", /^(?:[A-Z][\w-]+: [^\r\n]+(?:\r\n|$))+$/);
  assert.ok(ofRecipients.length > 0);
  for (const fields of ofRecipients) {
    assert.match(fields, /^Final-Recipient: (?:rfc822|utf-8); ./m);
    assert.match(fields, /^Action: (?:failed|delayed|relayed|delivered)\r$/m);
    assert.match(fields, /^Status: [245]\.\d{1,3}\.\d{1,3}\r$/m);
  }
}

test("a result survives as text", () => {
  const words = fc.string({ unit: "binary", maxLength: 100 });
  fc.assert(
    fc.property(
      fc.option(fc.stringMatching(/^[a-z0-9.:-]{1,30}$/)),
      fc.integer({ min: 200, max: 599 }),
      fc.stringMatching(/^[245]\.\d{1,3}\.\d{1,3}$/),
      words,
      (remote, code, enhanced, text) => {
        const kind = enhanced.startsWith("2")
          ? "delivered"
          : enhanced.startsWith("4")
            ? "deferred"
            : "failed";
        const result: Result = { kind, code: remote === null ? null : code, enhanced, text, remote };
        assert.deepEqual(parseResult(describe(result)), result);
      },
    ),
  );
  fc.assert(fc.property(words, (text) => void parseResult(text)));
  assert.equal(parseResult("no attempt was made"), null);
});

test("every status has words: those of its detail, else those of its subject", () => {
  assert.match(plainReason("5.2.2").what, /is full/);
  assert.equal(plainReason("4.2.2"), plainReason("5.2.2"), "the class says only whether it may pass");
  assert.equal(plainReason("5.2.99"), plainReason("5.2.0"));
  assert.match(plainReason("5.7.23").what, /proof/);
  for (const status of ["5.0.0", "5.8.1", "nonsense", ""])
    assert.match(plainReason(status).what, /did not take/);
  for (let subject = 0; subject < 9; subject++) {
    for (let detail = 0; detail < 40; detail++) {
      const { what, advice } = plainReason(`5.${subject}.${detail}`);
      for (const sentence of [what, advice]) assert.match(sentence, /^[A-Z][^?]*\.$/);
    }
  }
});
