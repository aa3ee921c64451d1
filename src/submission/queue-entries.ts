import { type NewMessage, newMessageId } from "../queue/index.ts";
import type { SignedSubmission } from "../signing/index.ts";
import {
  type Envelope,
  type EnvelopeRecipient,
  formatReceivedField,
  type ReceivedFieldOptions,
  type SessionInfo,
} from "../smtp/index.ts";

/** A message that was signed, and where it came from. */
export interface Submitted {
  readonly session: SessionInfo;
  readonly envelope: Envelope;
  /** By forward path. */
  readonly recipients: ReadonlyMap<string, EnvelopeRecipient>;
  readonly signed: SignedSubmission & { readonly kind: "signed" };
  readonly account: string;
}

/** What goes into the queue: an entry for each copy, with what the envelope says of its recipients (RFC 3461). */
export function queueEntries(submitted: Submitted, trace: ReceivedFieldOptions): NewMessage[] {
  const { session, envelope, signed, account } = submitted;
  return signed.copies.map(({ recipients: paths, signatures }) => {
    const id = newMessageId(trace.date.getTime());
    const recipients = paths.map((path) => submitted.recipients.get(path) as EnvelopeRecipient);
    // Received names nobody but the copy's own recipient, and the copy's own id: copies cannot be told to belong
    // together by it (RCP-4).
    const received = formatReceivedField(session, { ...envelope, id, recipients }, trace);
    return {
      id,
      sender: envelope.reversePath?.text ?? "",
      recipients: recipients.map(({ notify, originalRecipient }, index) => {
        return { address: paths[index] as string, notify, originalRecipient };
      }),
      // What was signed is what is sent, octet for octet (MSG-15).
      prefix: Buffer.concat([Buffer.from(received), signatures]),
      content: signed.content,
      body: signed.eightBit ? "8bitmime" : "7bit",
      smtputf8: envelope.smtputf8,
      requireTls: envelope.requireTls,
      envelopeId: envelope.envelopeId,
      returned: envelope.returned,
      account,
      kids: signed.kids,
      suspicious: false,
    };
  });
}
