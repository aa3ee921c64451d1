import type { DescribedMessage } from "../border/index.ts";
import type { MessageId } from "../queue/index.ts";
import type { Envelope, Reply, SessionInfo } from "../smtp/index.ts";
import type { LoginEvent } from "../submission/index.ts";
import type { Findings } from "./job.ts";

/** What the next hop said of a copy, or why it could say nothing. */
export interface Passed {
  readonly id: MessageId;
  /** Forward paths. */
  readonly recipients: readonly string[];
  readonly outcome: "delivered" | "deferred" | "failed";
  readonly code: number | null;
  readonly enhanced: string | null;
  readonly text: string;
}

/** What became of a message, for logs: nothing of its text. Times are Unix milliseconds. */
export interface PassedEvent {
  readonly kind: "message";
  readonly session: SessionInfo;
  readonly envelope: Envelope;
  readonly id: MessageId;
  readonly message: DescribedMessage;
  /** Null where nothing could be found out. */
  readonly findings: Findings | null;
  /** Of each copy; empty where nothing was passed on. */
  readonly passed: readonly Passed[];
  readonly reply: Reply;
  /** What failed on our side; null where nothing did. */
  readonly cause: unknown;
  /** When the last octet had come. */
  readonly receivedAt: number;
  /** Milliseconds that each stage took; null for one that was not reached. */
  readonly took: {
    /** From MAIL to the last octet. */
    readonly receiving: number;
    readonly working: number;
    readonly relaying: number | null;
  };
}

export type ProxyEvent =
  | PassedEvent
  /** A message, or the beginning of one, that never came to be judged or signed. */
  | {
      readonly kind: "refused";
      readonly session: SessionInfo;
      readonly reply: Reply;
      readonly cause: unknown;
      /** The next hop could not be talked to. */
      readonly nextHopAway: boolean;
    }
  | LoginEvent;
