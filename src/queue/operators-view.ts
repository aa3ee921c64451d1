import type {
  MessageId,
  PendingOrder,
  QuarantineNote,
  QueuedRecipient,
  RecipientState,
} from "./queued-message.ts";

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
