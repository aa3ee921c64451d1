import type { DescribedMessage } from "../border/index.ts";
import type { MessageId } from "../queue/index.ts";
import type { Envelope, Reply, SessionInfo } from "../smtp/index.ts";
import type { Decision, Verified } from "../verification/index.ts";

/** What became of a message, for logs and the playground: nothing of its text. Times are Unix milliseconds. */
export interface MxEvent extends Verified {
  readonly session: SessionInfo;
  readonly envelope: Envelope;
  /** The queue's where it was queued, else one of the same kind: sorts by time. */
  readonly id: MessageId;
  readonly message: DescribedMessage;
  /** Delivered already (RPL-1). */
  readonly repeated: boolean;
  readonly decision: Decision;
  readonly reply: Reply;
  /** Null where the message was not queued. */
  readonly queuedAs: MessageId | null;
  /** What failed on our side; null where nothing did. */
  readonly cause: unknown;
  /** When the last octet had come. */
  readonly receivedAt: number;
  /** Milliseconds that each stage took; null for one that was not reached. */
  readonly took: {
    /** From MAIL to the last octet. */
    readonly receiving: number;
    readonly verifying: number;
    readonly queueing: number | null;
  };
}

/** A message that could not be received, so that there is no verdict on it. */
export interface MxRefusal extends Pick<MxEvent, "session" | "reply" | "cause"> {}
