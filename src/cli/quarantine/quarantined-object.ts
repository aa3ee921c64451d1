import type { QuarantinedMessage } from "../../queue/index.ts";
import { seconds } from "../queue/message-object.ts";

/** What programs are told of it. */
export const quarantinedFields = {
  id: "names it in replies, Received fields and logs",
  from: "From as it stands in the header",
  authors: "the addresses of From, as far as they can be read",
  recipients: "whom it is kept from",
  subject: "as it stands in the header",
  message_id: "as it stands in the header; null: there is none",
  result: "the verdict",
  reason: "why it is no pass; null: it is one",
  identity: "who signed, or is said to have; null: nobody",
  kid: "id of the key; null: there is none",
  decided_by: "what decided: stage, policy, override, trusted, replay, dmarc or bounce",
  because: "the rule that did; null: it has no name",
  client: "the address that it came from",
  sender: "envelope sender; empty for reports",
  size: "octets",
  enqueued_at: "when it came",
  until: "when it is deleted",
} as const;

export function quarantinedObject(
  message: QuarantinedMessage,
): Record<keyof typeof quarantinedFields, unknown> {
  const { quarantine: note } = message;
  return {
    id: message.id,
    from: note.from,
    authors: note.authors,
    recipients: message.recipients.map(({ address }) => address),
    subject: note.subject,
    message_id: note.messageId,
    result: note.result,
    reason: note.reason,
    identity: note.identity,
    kid: note.kid,
    decided_by: note.decidedBy,
    because: note.because,
    client: note.client,
    sender: message.sender,
    size: message.size,
    enqueued_at: seconds(message.enqueuedAt),
    until: seconds(note.until),
  };
}
