/** One message that an MX judged, whatever became of it; nothing of its text. Times are Unix milliseconds. */
export interface ReceivedEntry {
  /** The queue's id where it was queued, else one of the same kind: sorts by time. */
  readonly id: string;
  /** When the last octet had come. */
  readonly at: number;
  /** Of the SMTP session, as in the program's log. */
  readonly session: string;
  readonly client: string;
  readonly helo: string;
  /** Empty for the null sender. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The mailboxes of From, canonical, as far as they can be read; at most 8. */
  readonly from: readonly string[];
  /** As it stands in the header, at most 200 characters; null where there is none. */
  readonly messageId: string | null;
  readonly octets: number;
  /** The verdict (VER-10). */
  readonly result: string;
  readonly reason: string | null;
  readonly identity: string | null;
  readonly kid: string | null;
  readonly align: string | null;
  readonly rcpt: string | null;
  readonly trust: string | null;
  readonly forwarder: string | null;
  readonly stapled: boolean;
  readonly detail: string;
  /** Result words of the neighbours; null where they were not asked. `dkim` is the best of all signatures. */
  readonly spf: string | null;
  readonly dkim: string | null;
  readonly dmarc: string | null;
  readonly arc: string | null;
  /** What the From domains want (POL-13), and which of them published it; null for none. */
  readonly policy: string;
  readonly policyDomain: string | null;
  readonly stage: string;
  readonly action: string;
  /** What decided: see `Decision.decidedBy`; and the name of the rule, where it has one. */
  readonly decidedBy: string;
  readonly because: string | null;
  /** A repeat of what was delivered already (RPL-1). */
  readonly repeated: boolean;
  readonly code: number;
  readonly enhanced: string;
  /** How long each stage took, milliseconds; null for those that were not reached. */
  readonly took: {
    /** From MAIL to the last octet. */
    readonly receiving: number;
    readonly verifying: number;
    readonly queueing: number | null;
  };
}

/** One message that a user handed in, in as many copies as it has signatures of its own. Times are Unix milliseconds. */
export interface SubmittedEntry {
  /** The queue's id of the first copy. */
  readonly id: string;
  readonly at: number;
  /** Of the SMTP session, as in the program's log. */
  readonly session: string;
  readonly client: string;
  readonly account: string;
  /** As in `i`. */
  readonly identity: string;
  readonly kids: readonly string[];
  /** As in the vault's audit log. */
  readonly messageIdHash: string | null;
  /** The queue's ids of all copies. */
  readonly copies: readonly string[];
  /** To search for; who of them got it is told by their deliveries. */
  readonly recipients: readonly string[];
  readonly octets: number;
}

/** A message has recipients of several domains: its further copies in the queue. */
export interface CopiedEntry {
  readonly id: string;
  readonly copies: readonly string[];
}

/** What became of one recipient of a queued message. */
export interface DeliveredEntry {
  /** Of the message. */
  readonly id: string;
  readonly at: number;
  readonly recipient: string;
  readonly outcome: "delivered" | "deferred" | "failed" | "forwarded" | "held" | "released" | "removed";
  /** For people. */
  readonly detail: string;
}

/**
 * Takes entries and never holds anybody up: what cannot be written now waits a while in memory, then is counted and
 * dropped.
 */
export interface MailLog {
  received(entry: ReceivedEntry): void;
  submitted(entry: SubmittedEntry): void;
  copied(entry: CopiedEntry): void;
  delivered(entry: DeliveredEntry): void;
}
