import type { Arrival } from "../border/index.ts";
import { type Address, fieldText } from "../message/index.ts";
import { type MessageId, newMessageId } from "../queue/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { fromMailboxes } from "../signature/index.ts";
import type { Envelope, SessionInfo } from "../smtp/index.ts";
import type { MxEvent } from "./mx-event.ts";
import { signedAddress } from "./recipients.ts";

/** A message that has come whole, on its way through the MX: judge, decide, record, enqueue. */
export interface Incoming {
  readonly id: MessageId;
  readonly session: SessionInfo;
  readonly envelope: Envelope;
  readonly message: ReceivedMessage;
  /** The mailboxes of From, as far as they can be read. */
  readonly from: readonly Address[];
  /** Unix milliseconds: at the last octet. */
  readonly receivedAt: number;
  /** Since MAIL. */
  readonly receivingMs: number;
}

export function incoming(came: Omit<Incoming, "id" | "from" | "receivingMs">, began: number): Incoming {
  const { header, index } = came.message.scanned;
  const { receivedAt } = came;
  return {
    ...came,
    id: newMessageId(receivedAt),
    from: fromMailboxes(header, index),
    receivingMs: receivedAt - began,
  };
}

/** How it came, for whoever judges it. */
export function arrivalOf({ session, envelope }: Incoming): Arrival {
  return {
    recipients: envelope.recipients.map(signedAddress),
    client: { address: session.remoteAddress, helo: session.helo ?? "" },
    reversePath: envelope.reversePath?.text ?? "",
  };
}

/** What a log says of the message itself. */
export function described({ message, from }: Incoming): MxEvent["message"] {
  const { header, index } = message.scanned;
  const [field] = index.get("message-id") ?? [];
  return {
    octets: header.octets.length + (message.hasEmptyLine ? 2 : 0) + message.bodyOctets,
    from: from.slice(0, 8),
    messageId: field === undefined ? null : fieldText(header, field).slice(0, 200),
  };
}
