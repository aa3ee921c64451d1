import type { SpoolFile } from "../spool/index.ts";

/** Time-ordered, unique, 16 characters: goes into the 250 reply, the Received field and the log. */
export type MessageId = string;

/** Octets that copies share: `inline`, then what is in `file`. Stored once for all messages that share the object. */
export interface MessageContent {
  readonly inline: Uint8Array;
  /** What is too large for memory; synced to the disk before it is enqueued, and the store's from then on. */
  readonly file: SpoolFile | null;
}

/** When a sender wants to hear of a recipient (RFC 3461 §4.1). `never` stands alone. */
export type Notify = "success" | "failure" | "delay" | "never";

export interface NewRecipient {
  /** Forward path without brackets. */
  readonly address: string;
  /** NOTIFY (RFC 3461 §4.1); null: not given, which means failures and delays. */
  readonly notify: readonly Notify[] | null;
  /** ORCPT as given, `rfc822;xtext` or `utf-8;…` (RFC 3461 §4.2); null: not given. */
  readonly originalRecipient: string | null;
}

/** A message on its way in. */
export interface NewMessage {
  /** From {@link newMessageId}, where the caller has to know the id before (in a Received field); else made here. */
  readonly id?: MessageId | undefined;
  /** Reverse path without brackets; empty for the null sender. */
  readonly sender: string;
  /** At least one. Those of several domains become as many messages, which share the content. */
  readonly recipients: readonly NewRecipient[];
  /** Octets of this copy alone that go before the content: Received and signature fields. */
  readonly prefix: Uint8Array;
  readonly content: MessageContent;
  readonly body: "7bit" | "8bitmime";
  readonly smtputf8: boolean;
  /** REQUIRETLS (RFC 8689): rather bounced than sent without authenticated TLS. */
  readonly requireTls: boolean;
  /** ENVID as given, xtext (RFC 3461 §4.4); null: not given. */
  readonly envelopeId: string | null;
  /** RET (RFC 3461 §4.3): what a report of failure returns; null: not given. */
  readonly returned: "full" | "headers" | null;
  /** The account that submitted it; null for mail from outside and for reports of this host. */
  readonly account: string | null;
  /** Ids of the keys that signed it; when one is revoked or suspended the message is stopped. */
  readonly kids: readonly string[];
  /** It goes into a mailbox's folder for suspicious mail (ACT-1). */
  readonly quarantined: boolean;
  /** It is kept in the queue until somebody releases it, or its time is over (ACT-1). */
  readonly quarantine?: QuarantineNote | null;
}

/** Why a message is in quarantine, and what people know it by. Texts are as they came, and cut where they are too long. */
export interface QuarantineNote {
  /** When it goes unless somebody releases it, Unix milliseconds. */
  readonly until: number;
  /** The verdict (VER-10); its reason, identity and key id, where it has them. */
  readonly result: string;
  readonly reason: string | null;
  readonly identity: string | null;
  readonly kid: string | null;
  /** From as it stands in the header; empty where there is none. */
  readonly from: string;
  /** The mailboxes of From, canonical, as far as they can be read. */
  readonly authors: readonly string[];
  /** As it stands in the header; empty where there is none. */
  readonly subject: string;
  readonly messageId: string | null;
  /** The address that it came from. */
  readonly client: string;
  /** What decided, and the name of the rule; see `Decision`. */
  readonly decidedBy: string;
  readonly because: string | null;
}

/** That something was queued once, so that it is not again: the replay memory (RPL-1), and what is sent once a day. */
export interface SeenKey {
  /** Names it, at most 32 octets. */
  readonly key: Uint8Array;
  /** How long it is remembered, Unix seconds; whoever asks again says the same. */
  readonly until: number;
}

/** How far one recipient has come; ARCHITECTURE.md has the table. */
export type RecipientState = "pending" | "deferred" | "delivered" | "failed";

export interface QueuedRecipient extends NewRecipient {
  /** Position in the message, counted from 0. */
  readonly index: number;
  readonly state: "pending" | "deferred";
  /** What the last attempt came to, for people; null before the first. */
  readonly detail: string | null;
}

/** What an operator ordered for a message while a delivery process held it; done when its lease ends. */
export type PendingOrder = "hold" | "bounce" | "remove";

/** A message that a delivery process holds. */
export interface LeasedMessage {
  readonly id: MessageId;
  /** Canonical domain of its recipients: what is scheduled and rested together. */
  readonly destination: string;
  readonly sender: string;
  /** Those who have neither got it nor failed. */
  readonly recipients: readonly QueuedRecipient[];
  readonly body: "7bit" | "8bitmime";
  readonly smtputf8: boolean;
  readonly requireTls: boolean;
  readonly envelopeId: string | null;
  readonly returned: "full" | "headers" | null;
  readonly account: string | null;
  readonly kids: readonly string[];
  readonly quarantined: boolean;
  /** Octets of prefix and content together. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly enqueuedAt: number;
  /** When it is given up, Unix milliseconds. */
  readonly expiresAt: number;
  /** The sender was told of the delay. */
  readonly warned: boolean;
  /**
   * Why it was taken: it is due (`attempt`); or it needs attention, also while its destination rests: the sender is to be
   * told of the delay (`warn`), it is too old (`expired`), or the operator wants it returned (`bounce`).
   */
  readonly purpose: "attempt" | "warn" | "expired" | "bounce";
  /** What its destination last failed with, for reports; null where it did not. */
  readonly destinationFailure: string | null;
  /** How often in a row it failed; 0: nothing is known against it. */
  readonly destinationFailures: number;
  /** This lease's number, counted from 1 over the message's life: an older lease can settle nothing. */
  readonly lease: number;
  /** Attempts made so far, this one not counted. */
  readonly attempts: number;
}

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

/** A message to recipients of one domain. */
export interface StoredMessage extends NewMessage {
  readonly id: MessageId;
  /** Canonical domain of all recipients, or `[…]` for address literals. */
  readonly destination: string;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  /** See {@link Settlement.wakeAt}. */
  readonly wakeAt: number;
  /** Taken at once by the process that enqueues it; null: it waits for whoever leases it. */
  readonly lease: { readonly owner: string; readonly until: number } | null;
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

/** The content of a message, prefix first: `inline` is in memory, what follows it is read piece by piece. */
export interface StoredContent {
  readonly inline: readonly Uint8Array[];
  /** Octets that follow `inline`; 0 for all but large messages. */
  readonly restOctets: number;
  /** They, from the beginning at each call. Rejects with a QueueStoreError. */
  rest(): AsyncIterable<Uint8Array>;
}

/** Which messages; every condition that is given has to hold. Those in quarantine only where `state` says so. */
export interface QueueFilter {
  readonly ids?: readonly MessageId[];
  /** Envelope sender, compared without regard to ASCII case; `@domain` for all of a domain; `<>` for the null sender. */
  readonly sender?: string;
  /** A recipient that is left; `@domain` for all of a domain. */
  readonly recipient?: string;
  readonly destination?: string;
  /** Account id. */
  readonly account?: string;
  readonly state?: "queued" | "leased" | "held" | "deferred" | "quarantined";
  /** In quarantine: a mailbox of its From, canonical; `@domain` for all of a domain. */
  readonly author?: string;
  /** In quarantine: its verdict's result, and reason. */
  readonly result?: string;
  readonly reason?: string;
  /** Enqueued before, Unix milliseconds. */
  readonly before?: number;
}

export type QueueOrder =
  /** Due at once, its destination too. */
  | { readonly kind: "retry" }
  | { readonly kind: "hold"; readonly because: string }
  /** Held ones wait for delivery again, due at once; those in quarantine as if they came now, with their history on top. */
  | { readonly kind: "release" }
  /** Given up; the sender is told. */
  | { readonly kind: "bounce" }
  /** Gone without a word. */
  | { readonly kind: "remove" };

/** A message as operators see it. */
export interface ListedMessage {
  readonly id: MessageId;
  readonly state: "queued" | "leased" | "held" | "quarantined";
  readonly heldBecause: string | null;
  /** Null unless it is in quarantine. */
  readonly quarantine: QuarantineNote | null;
  readonly pendingOrder: PendingOrder | null;
  readonly destination: string;
  readonly sender: string;
  readonly account: string | null;
  readonly kids: readonly string[];
  readonly size: number;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  /** When the next attempt is due (its destination's rest included), or the lease ends; null while held or in quarantine. */
  readonly dueAt: number | null;
  readonly attempts: number;
  readonly warned: boolean;
  readonly requireTls: boolean;
  readonly recipients: readonly (Omit<QueuedRecipient, "state"> & { readonly state: RecipientState })[];
}

/** One in quarantine. */
export type QuarantinedMessage = ListedMessage & { readonly quarantine: QuarantineNote };

export function isQuarantined(message: ListedMessage): message is QuarantinedMessage {
  return message.quarantine !== null;
}

export interface QueueCounts {
  /** Messages that wait for their next attempt. */
  readonly queued: number;
  /** Messages that a delivery process holds. */
  readonly leased: number;
  /** Messages that an operator, or the suspension of their account, stopped. */
  readonly held: number;
  /** Recipients that were tried and will be tried again. */
  readonly deferredRecipients: number;
  /** Octets of all these. */
  readonly octets: number;
  /** When the oldest of these came, Unix milliseconds; null when there is none. */
  readonly oldestAt: number | null;
  /** Messages in quarantine, and their octets. */
  readonly quarantined: number;
  readonly quarantinedOctets: number;
}

/** A message whose time in quarantine is over. */
export interface ExpiredMessage {
  readonly id: MessageId;
  readonly recipients: readonly string[];
}

export interface DestinationCounts {
  readonly destination: string;
  readonly queued: number;
  readonly leased: number;
  readonly held: number;
  readonly oldestAt: number;
  readonly restsUntil: number | null;
  readonly failures: number;
  readonly failure: string | null;
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
