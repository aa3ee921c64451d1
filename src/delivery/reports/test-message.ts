// What the tests of reports are about: messages that were taken, and what became of their recipients.
import fc from "fast-check";
import type { LeasedMessage, QueuedRecipient, StoredContent } from "../../queue/index.ts";
import type { RecipientResult, Result } from "../result.ts";

export const ARRIVED = Date.UTC(2026, 10, 26, 1, 2, 16);
const HOUR = 3_600_000;
const signature = "VSMTP-Signature: v=1; a=ed25519-sha256; i=alice@here.test\r\n b=AAAA\r\n";
export const HEADER = `${signature}From: alice@here.test\r\nTo: bob@dest.test\r\nMessage-ID: <1@here.test>\r\nSubject: Lunch?\r\n`;
export const BODY = "\r\nAt noon.\r\n.\r\n";

export function leased(overrides: Partial<LeasedMessage> = {}): LeasedMessage {
  return {
    id: "01J9ZQ4B0ABCDEFG",
    destination: "dest.test",
    sender: "alice@here.test",
    recipients: [recipient("bob@dest.test")],
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: "a1",
    kids: ["k1"],
    suspicious: false,
    size: HEADER.length + BODY.length,
    enqueuedAt: ARRIVED,
    expiresAt: ARRIVED + 120 * HOUR,
    warned: false,
    purpose: "attempt",
    destinationFailure: null,
    destinationFailures: 0,
    lease: 1,
    attempts: 3,
    ...overrides,
  };
}

export function recipient(address: string, overrides: Partial<QueuedRecipient> = {}): QueuedRecipient {
  return {
    index: 0,
    address,
    notify: null,
    originalRecipient: null,
    state: "pending",
    detail: null,
    ...overrides,
  };
}

export const full: Result = {
  kind: "deferred",
  code: 452,
  enhanced: "4.2.2",
  text: "Mailbox full",
  remote: "mx.dest.test",
};
export const unknown: Result = {
  ...full,
  kind: "failed",
  code: 550,
  enhanced: "5.1.1",
  text: "No such user here",
};
export const unreachable: Result = {
  kind: "deferred",
  code: null,
  enhanced: "4.4.1",
  text: "192.0.2.25 port 25: connection refused",
  remote: null,
};
export const taken: Result = {
  kind: "delivered",
  code: 250,
  enhanced: "2.0.0",
  text: "Ok",
  remote: "mx.dest.test",
};

/** The same for every recipient. */
export function resultsOf(message: LeasedMessage, ...results: readonly Result[]): RecipientResult[] {
  return message.recipients.map(({ index, address }, at) => {
    return { ...(results[at] ?? (results[0] as Result)), index, address };
  });
}

export function contentOf(...pieces: readonly (string | Uint8Array)[]): () => Promise<StoredContent> {
  const [first = Buffer.alloc(0), ...more] = pieces.map((piece) => Buffer.from(piece));
  return async () => ({
    inline: [first],
    restOctets: Buffer.concat(more).length,
    async *rest() {
      yield* more;
    },
  });
}

const anything = fc.string({ unit: "binary", maxLength: 600 });
const line = fc.string({ unit: "binary", maxLength: 300 }).map((text) => text.replaceAll(/[\r\n\0]/g, ""));
const anyResult = fc.record<Result>({
  kind: fc.constantFrom("delivered", "deferred", "failed"),
  code: fc.option(fc.integer({ min: 200, max: 599 })),
  enhanced: fc.stringMatching(/^[245]\.\d{1,3}\.\d{1,3}$/),
  text: anything,
  remote: fc.option(anything),
  onward: fc.constantFrom("mailbox", "dsn", "no-dsn"),
});
const anyNotify = fc.constantFrom(null, ["success", "failure", "delay"] as const, ["never"] as const);

/** What may come of messages, with words of others that are anything at all. */
export const anyCase = fc
  .tuple(
    fc.array(fc.tuple(anyResult, anything, anyNotify, anything), { minLength: 1, maxLength: 4 }),
    fc.record({
      smtputf8: fc.boolean(),
      envelopeId: fc.option(anything),
      returned: fc.constantFrom(null, "full" as const, "headers" as const),
      purpose: fc.constantFrom("attempt" as const, "warn" as const, "expired" as const, "bounce" as const),
    }),
    fc.array(line),
  )
  .map(([recipients, fields, lines]) => {
    const octets = lines.join("\r\n");
    const message = leased({
      ...fields,
      size: Buffer.byteLength(octets),
      recipients: recipients.map(([, address, notify, original], index) =>
        recipient(`a${address}`, { index, notify, originalRecipient: `rfc822;${original}` }),
      ),
    });
    const results = resultsOf(message, ...recipients.map(([result]) => result));
    return { message, results, content: contentOf(octets) };
  });
