import type {
  DestinationCounts,
  ExpiredMessage,
  ListedMessage,
  QueueCounts,
  QueueFilter,
  QueueOrder,
} from "./operators-view.ts";
import type { LeasedMessage, MessageId, SeenKey, StoredContent, StoredMessage } from "./queued-message.ts";

export interface RecipientChange {
  readonly index: number;
  readonly state: "deferred" | "delivered" | "failed";
  readonly detail: string;
}

/** The outcome of a lease; it applies only while it is the message's last one. */
export interface Settlement {
  readonly id: MessageId;
  readonly lease: number;
  readonly owner: string;
  readonly changes: readonly RecipientChange[];
  /** An attempt was made: counts for the retry schedule. */
  readonly attempted: boolean;
  /**
   * What becomes of the message: it waits until `dueAt` (Unix milliseconds), it is held until an operator releases it,
   * or it goes: no recipient is left. A pending order of an operator outweighs the first two.
   */
  readonly next:
    | { readonly kind: "wait"; readonly dueAt: number }
    | { readonly kind: "hold"; readonly because: string }
    | { readonly kind: "gone" };
  /** The sender was told of the delay. */
  readonly warned: boolean;
  /** When it needs attention even if its destination rests: the next warning or its end, Unix milliseconds. */
  readonly wakeAt: number;
  /** Reports to the sender, and forwards: queued in the same transaction, so none is lost and none is made twice. */
  readonly reports: readonly StoredMessage[];
}

/** How a destination is doing. */
export interface DestinationChange {
  readonly destination: string;
  /** No attempt before, Unix milliseconds; null: it works again. */
  readonly restsUntil: number | null;
  /** Failures in a row. */
  readonly failures: number;
  /** What it last failed with, for people. */
  readonly failure: string | null;
}

/** What one caller wants to change: all of it happens or nothing. */
export type QueueChange =
  | {
      readonly kind: "insert";
      readonly messages: readonly StoredMessage[];
      /** Remembered in the same transaction; where one of them is already, nothing happens: `seen`. */
      readonly seen?: readonly SeenKey[];
    }
  | { readonly kind: "settle"; readonly settlement: Settlement }
  | { readonly kind: "destination"; readonly change: DestinationChange };

/** What a change came to: `seen` and `lease-lost` changed nothing. */
export type ChangeAnswer = "done" | "lease-lost" | "seen";

export interface LeaseRequest {
  /** Unix milliseconds. */
  readonly now: number;
  readonly until: number;
  /** The process that takes the lease. */
  readonly owner: string;
  readonly limit: number;
  /** Most messages of one destination that the owner may have in work at a time; of one that last failed: one. */
  readonly perDestination: (destination: string) => number;
  /** How many the owner has in work, by destination; a missing one is 0. */
  readonly inWork: ReadonlyMap<string, number>;
}

/** Where the queue keeps its messages. Each method is one transaction; a change is synced when it resolves. */
export interface QueueStore {
  /** Makes the changes of all callers that wait, one answer for each, in the order given. */
  commit(changes: readonly QueueChange[]): Promise<readonly ChangeAnswer[]>;
  /** Of each, whether it is remembered. */
  seen(keys: readonly SeenKey[]): Promise<readonly boolean[]>;
  /**
   * Takes messages: those whose lease ran out (their process died), those that need attention, and those that are due at
   * a destination that does not rest, the destinations in turn. Several processes that ask at a time get different ones.
   * An owner never gets a message that it holds.
   */
  lease(request: LeaseRequest): Promise<readonly LeasedMessage[]>;
  /** Prolongs every lease of an owner. */
  renew(owner: string, until: number): Promise<void>;
  /** Ends every lease of these owners: the messages are due as before, and what was ordered meanwhile is carried out. */
  release(owners: readonly string[], now: number): Promise<void>;
  /** Who holds leases. */
  owners(): Promise<readonly string[]>;
  /** Null when the message is gone. */
  content(id: MessageId): Promise<StoredContent | null>;
  /** When there is something to lease next, Unix milliseconds (leases that run out included); null: never as it stands. */
  nextDueAt(): Promise<number | null>;
  counts(): Promise<QueueCounts>;
  /** Of those with most messages first. */
  destinations(limit: number): Promise<readonly DestinationCounts[]>;
  /** In order of arrival, from after `after`. */
  list(filter: QueueFilter, limit: number, after?: MessageId): Promise<readonly ListedMessage[]>;
  /**
   * Carries out an operator's order for at most `limit` messages that match and are not yet as it wants them, so that
   * it can be called until it says 0. A leased message gets it when its lease ends.
   *
   * @returns how many it was carried out for
   */
  order(filter: QueueFilter, order: QueueOrder, now: number, limit: number): Promise<number>;
  /** Octets of all messages in quarantine. */
  quarantinedOctets(): Promise<number>;
  /** Removes some of the messages whose time in quarantine is over; none: there is no more. */
  expire(now: number, limit: number): Promise<readonly ExpiredMessage[]>;
  /** Housekeeping, now and then: destinations without messages, spool files that belong to nothing, what need not be remembered. */
  tidy(now: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * The queue's storage refused: `full` (SMTP answers 452 4.3.1), `busy` or `broken` (451 4.3.0). Nothing of what
 * was asked for has happened, and the queue stays usable.
 */
export class QueueStoreError extends Error {
  override readonly name = "QueueStoreError";
  readonly kind: "busy" | "full" | "broken";

  constructor(kind: "busy" | "full" | "broken", cause: unknown) {
    super(`queue store: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}
