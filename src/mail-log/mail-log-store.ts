import type { CopiedEntry, DeliveredEntry, ReceivedEntry, SubmittedEntry } from "./entries.ts";

/** What is written in one go. */
export interface MailLogBatch {
  readonly received?: readonly ReceivedEntry[];
  readonly submitted?: readonly SubmittedEntry[];
  readonly copied?: readonly CopiedEntry[];
  readonly delivered?: readonly DeliveredEntry[];
}

/** A message as the log has it. */
export type LoggedMessage = LoggedReceived | LoggedSubmitted;

/** Of very many recipients only the first ones are there. */
export interface LoggedReceived extends ReceivedEntry {
  readonly direction: "in";
  /** All of them, those too that `recipients` leaves out. */
  readonly recipientCount: number;
}

/** Of very many copies only the first ones are there. */
export interface LoggedSubmitted extends Omit<SubmittedEntry, "recipients"> {
  readonly direction: "out";
  readonly recipientCount: number;
}

/** One message from its coming to its end. */
export interface MailStory {
  /** Null where its entry is gone, or this host made the message itself. */
  readonly message: LoggedMessage | null;
  /** Of all copies, in order of time. */
  readonly deliveries: readonly DeliveredEntry[];
}

/**
 * All that is given must hold of a message; a verdict, an action and a Message-ID are known of mail that came in only.
 * Addresses in any letters; `@example.org` is any address of that domain.
 */
export interface MailLogFilter {
  /** Came in by an MX, or was handed in by a user. */
  readonly direction?: LoggedMessage["direction"];
  /** A mailbox of From, or the reverse path; or the identity of who handed it in. */
  readonly from?: string;
  readonly to?: string;
  readonly identity?: string;
  readonly kid?: string;
  readonly result?: string;
  readonly reason?: string;
  readonly action?: string;
  /** Network address. */
  readonly client?: string;
  /** Of From, of the reverse path or of the identity. */
  readonly domain?: string;
  /** With its angle brackets. */
  readonly messageId?: string;
  /** Unix milliseconds: `since` ≤ when it came < `until`. */
  readonly since?: number;
  readonly until?: number;
}

/** How many messages of a time are alike in all this: what a report to a domain may say of its mail. */
export interface AggregateRow {
  /** A domain of From, or the identity's: a message counts once for each of these that it names. */
  readonly domain: string;
  readonly result: string;
  readonly reason: string | null;
  readonly align: string | null;
  readonly rcpt: string | null;
  readonly trust: string | null;
  /** Null for none; and where there are too many kinds to count each, see {@link MailLogStore.aggregate}. */
  readonly kid: string | null;
  readonly client: string | null;
  readonly action: string;
  readonly decidedBy: string;
  /** What this domain wanted (POL-13); null where another one's policy counted, or none. */
  readonly policy: string | null;
  readonly count: number;
}

/** Where entries are. What its database cannot do is thrown as a {@link MailLogStoreError}. */
export interface MailLogStore {
  /** Entries that are there already stay as they are, so that a batch may be written again. Need not survive a power failure. */
  add(batch: MailLogBatch): Promise<void>;
  /** @param before the id of the last one of the page before; without it, from the newest on */
  search(filter: MailLogFilter, limit: number, before?: string): Promise<readonly LoggedMessage[]>;
  /** @param id of a message, or of one of its copies. @returns null where nothing is known of it */
  story(id: string): Promise<MailStory | null>;
  /**
   * Counts what came in begin ≤ time < end (Unix milliseconds, by the ids), in any order. Its memory is bounded: beyond 200,000
   * kinds the further ones are counted without `kid` and `client`.
   *
   * @param unreported canonical addresses: mail to these alone is not counted
   */
  aggregate(begin: number, end: number, unreported?: ReadonlySet<string>): AsyncIterable<AggregateRow>;
  /**
   * For daily work that several processes share: true for the first who asks, in any of them, and on the disk by then.
   *
   * @param task names it
   * @param day as `2026-11-26`
   */
  claimDay(task: string, day: string): Promise<boolean>;
  /**
   * Removes what came before a time, the oldest first, and claims that are 90 days older.
   *
   * @param limit at most so many messages, so that nobody waits long
   * @returns false when nothing is left of it
   */
  forget(before: number, limit: number): Promise<boolean>;
  close(): Promise<void>;
}

/** `busy` and `full` can pass by themselves. Nothing of what was asked for has happened, or all of it. */
export class MailLogStoreError extends Error {
  override readonly name = "MailLogStoreError";
  readonly kind: "busy" | "full" | "broken";

  constructor(kind: "busy" | "full" | "broken", cause: unknown) {
    super(`mail log: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}
