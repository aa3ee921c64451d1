// Messages for the tests of this module.
import type { LeasedMessage, NewMessage, QuarantineNote, StoredContent } from "./queued-message.ts";
import { piecesOf } from "./stored-content.ts";

export interface Sent extends Partial<Omit<NewMessage, "recipients" | "content">> {
  readonly recipients?: readonly string[];
  readonly content?: Uint8Array;
}

export const content = Buffer.from("Subject: x\r\n\r\nHello\r\n");

export function newMessage({
  recipients = ["b@dest.test"],
  content: inline = content,
  ...others
}: Sent = {}): NewMessage {
  return {
    sender: "a@here.test",
    recipients: recipients.map((address) => ({ address, notify: null, originalRecipient: null })),
    prefix: Buffer.from("Received: here\r\n"),
    content: { inline, file: null },
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: "a1",
    kids: [],
    suspicious: false,
    ...others,
  };
}

export function newNote(rest: Partial<QuarantineNote> = {}): QuarantineNote {
  return {
    until: 0,
    result: "fail",
    reason: "body",
    identity: "eve@evil.test",
    kid: null,
    from: "Eve <eve@evil.test>",
    authors: ["eve@evil.test"],
    subject: "lunch",
    messageId: "<1@evil.test>",
    client: "192.0.2.1",
    decidedBy: "policy",
    because: null,
    ...rest,
  };
}

/** A message with recipients 0, 1 and 2, as leased at its first attempt. */
export function leasedMessage(overrides: Partial<LeasedMessage> = {}): LeasedMessage {
  const { prefix, content, ...fields } = newMessage();
  return {
    ...fields,
    id: "M1",
    destination: "dest.test",
    recipients: [0, 1, 2].map((index) => ({
      address: `r${index}@dest.test`,
      notify: null,
      originalRecipient: null,
      index,
      state: "pending",
      detail: null,
    })),
    size: prefix.length + content.inline.length,
    enqueuedAt: 0,
    expiresAt: 432_000_000,
    warned: false,
    purpose: "attempt",
    destinationFailure: null,
    destinationFailures: 0,
    lease: 1,
    attempts: 0,
    ...overrides,
  };
}

export async function octetsOf(stored: StoredContent): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(stored)) pieces.push(piece);
  return Buffer.concat(pieces);
}
