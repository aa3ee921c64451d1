import type { Address } from "../message/index.ts";
import { type MessageId, newMessageId } from "../queue/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { fromMailboxes } from "../signature/index.ts";
import type { Envelope, SessionInfo } from "../smtp/index.ts";

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
