/** Time-ordered, unique, 16 characters: goes into the 250 reply, the Received field and the log. */
export type MessageId = string;

/** One message to one set of recipients. Copies that share their `content` array are stored with one content. */
export interface NewMessage {
  /** From {@link newMessageId}, where the caller has to know the id before (in a Received field); else made here. */
  readonly id?: MessageId | undefined;
  /** Reverse path without brackets; empty for the null sender. */
  readonly sender: string;
  /** Forward paths without brackets, at least one. */
  readonly recipients: readonly string[];
  /** Octets of this copy alone that go before the content: Received and signature fields. */
  readonly prefix: Uint8Array;
  readonly content: Uint8Array;
  readonly body: "7bit" | "8bitmime";
  readonly smtputf8: boolean;
  /** The account that submitted it; null for mail from outside. */
  readonly account: string | null;
  /** It goes into a mailbox's folder for suspicious mail (ACT-1). */
  readonly quarantined?: boolean;
}

/** How far one recipient has come; see queue.ts for the table. */
export type RecipientState = "pending" | "deferred" | "delivered" | "failed";

export interface QueuedRecipient {
  /** Position in the message, counted from 0. */
  readonly index: number;
  readonly address: string;
  readonly state: "pending" | "deferred";
  /** What the last attempt came to, for people; null before the first. */
  readonly detail: string | null;
}

/** A message that a delivery process holds. */
export interface LeasedMessage {
  readonly id: MessageId;
  readonly sender: string;
  /** Those who have neither got it nor failed. */
  readonly recipients: readonly QueuedRecipient[];
  readonly body: "7bit" | "8bitmime";
  readonly smtputf8: boolean;
  readonly account: string | null;
  readonly quarantined: boolean;
  /** Octets of prefix and content together. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly enqueuedAt: number;
  /** This attempt's number, counted from 1. It also makes the lease: an older attempt can settle nothing. */
  readonly attempt: number;
}

export interface RecipientChange {
  readonly index: number;
  readonly state: "deferred" | "delivered" | "failed";
  readonly detail: string;
}

/** The outcome of an attempt; it applies only while its lease is the message's last one. */
export interface Settlement {
  readonly id: MessageId;
  readonly attempt: number;
  readonly owner: string;
  readonly changes: readonly RecipientChange[];
  /** When the next attempt is due, Unix milliseconds; null when no recipient is left: the message goes. */
  readonly dueAt: number | null;
}

export interface StoredMessage extends NewMessage {
  readonly id: MessageId;
  readonly enqueuedAt: number;
}

/** What one caller wants to change: all of it happens or nothing. */
export type QueueChange =
  | { readonly kind: "insert"; readonly messages: readonly StoredMessage[] }
  | { readonly kind: "settle"; readonly settlement: Settlement };

export interface LeaseRequest {
  /** Unix milliseconds. */
  readonly now: number;
  readonly until: number;
  /** The process that takes the lease. */
  readonly owner: string;
  readonly limit: number;
}

export interface QueueCounts {
  /** Messages that wait for their next attempt. */
  readonly queued: number;
  /** Messages that a delivery process holds. */
  readonly leased: number;
  /** Recipients that were tried and will be tried again. */
  readonly deferredRecipients: number;
  /** When the oldest message came, Unix milliseconds; null when the queue is empty. */
  readonly oldestAt: number | null;
}

/** Where the queue keeps its messages. Each method is one transaction; a change is synced when it resolves. */
export interface QueueStore {
  /** Makes the changes of all callers that wait, one answer for each, in the order given. */
  commit(changes: readonly QueueChange[]): Promise<readonly ("done" | "lease-lost")[]>;
  /**
   * Takes due messages, oldest due first, also those whose lease ran out: their process died. An owner never
   * gets a message that it holds.
   */
  lease(request: LeaseRequest): Promise<readonly LeasedMessage[]>;
  /** Prolongs every lease of an owner. */
  renew(owner: string, until: number): Promise<void>;
  /** Gives every lease of an owner back, due at once. */
  release(owner: string, now: number): Promise<void>;
  /** Prefix and content; null when the message is gone. Later stores may give them in more pieces. */
  content(id: MessageId): Promise<readonly Uint8Array[] | null>;
  /** When the next message or lease is due, Unix milliseconds; null when the queue is empty. */
  nextDueAt(): Promise<number | null>;
  counts(): Promise<QueueCounts>;
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
