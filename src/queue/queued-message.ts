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
  readonly suspicious: boolean;
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
  readonly suspicious: boolean;
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

/** A message to recipients of one domain. */
export interface StoredMessage extends NewMessage {
  readonly id: MessageId;
  /** Canonical domain of all recipients, or `[…]` for address literals. */
  readonly destination: string;
  readonly enqueuedAt: number;
  readonly expiresAt: number;
  /** See `Settlement.wakeAt`. */
  readonly wakeAt: number;
  /** Taken at once by the process that enqueues it; null: it waits for whoever leases it. */
  readonly lease: { readonly owner: string; readonly until: number } | null;
}

/** The content of a message, prefix first: `inline` is in memory, what follows it is read piece by piece. */
export interface StoredContent {
  readonly inline: readonly Uint8Array[];
  /** Octets that follow `inline`; 0 for all but large messages. */
  readonly restOctets: number;
  /** They, from the beginning at each call. Rejects with a QueueStoreError. */
  rest(): AsyncIterable<Uint8Array>;
}
