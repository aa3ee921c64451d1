import type { ExpiredMessage } from "./operators-view.ts";
import type { QueueClock } from "./queue-clock.ts";
import type { QueueStore } from "./queue-store.ts";
import type { MessageId } from "./queued-message.ts";
import type { RetrySchedule } from "./retry-schedule.ts";

export interface QueueOptions {
  readonly store: QueueStore;
  readonly retry: RetrySchedule;
  /** After how long a message is given up (RFC 5321 §4.5.4.1: at least 4–5 days). */
  readonly giveUpAfterMs?: number;
  /** After how long its sender is told of a delay; null: never. */
  readonly warnAfterMs?: number | null;
  /** Where Postmaster without a domain is. */
  readonly hostname?: string;
  readonly clock?: QueueClock;
  /** How long destinations rest that nobody answers at; from a minute to an hour unless given. */
  readonly rests?: RetrySchedule;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** After how long without a sign of life another process takes over. */
  readonly leaseMs?: number;
  /** How often a waiting delivery looks for what other processes did. */
  readonly pollMs?: number;
  /** Where process ids mean the same processes. */
  readonly processHost?: string;
  /** Bounds the octets of messages that are handed over in memory. */
  readonly directOctets?: number;
  /** Most octets in quarantine; further messages for it are refused as `full`. Without this there is no bound. */
  readonly quarantineOctets?: number;
  /** Is told under which further ids a message was queued, since it has recipients of several destinations. */
  readonly onSplit?: (id: MessageId, others: readonly MessageId[]) => void;
  /** Is told of messages that are gone, since nobody released them from quarantine in time. */
  readonly onExpired?: (messages: readonly ExpiredMessage[]) => void;
}

export interface LeaseLimits {
  readonly limit: number;
  /** Most messages of one destination that may be in work at a time. */
  readonly perDestination: (destination: string) => number;
  /** How many are in work, by destination; a missing one is 0. */
  readonly inWork: ReadonlyMap<string, number>;
}

export type Enqueued =
  | {
      readonly kind: "queued";
      /** Of each message its id, or the first of those that it was split into. */
      readonly ids: MessageId[];
    }
  /** One of the keys is remembered: nothing was queued, and nothing else is remembered. */
  | { readonly kind: "seen" };

export type Settled =
  | {
      readonly kind: "settled";
      /** When those that are left are tried again, Unix milliseconds; null when none is left, or the message is held. */
      readonly retryAt: number | null;
    }
  /** Another process took the message over; what it finds is what counts. */
  | { readonly kind: "lease-lost" };
