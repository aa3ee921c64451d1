/**
 * One line of the audit log (PRV-20): an administrative act, or an AUTH, SIGN or GETKEY. It holds no secret and no
 * message text (PRV-21).
 */
export interface AuditEntry {
  /** Unix milliseconds. */
  readonly at: number;
  /** Who did it: `cli:root`, `ss:NAME` (an enrolled submission server), `submission` (in this process), `system`. */
  readonly actor: string;
  /** `account.add`, `key.rotate`, `auth`, `sign`, `getkey`, …: object and verb. */
  readonly action: string;
  /** The account's id. */
  readonly account: string | null;
  /** The address, domain, enrolment or identity that it was done to or as, for people. */
  readonly subject: string | null;
  readonly kid: string | null;
  /** base64url of the first 16 octets of SHA-256 over the canonical Message-ID field; null where there is none. */
  readonly messageIdHash: string | null;
  /** Of SIGN and SPEND. */
  readonly recipients: number | null;
  /** The user's network address as the submission server gave it, or the server's own. */
  readonly client: string | null;
  /** `ok`, or why not: `rejected`, `suspended`, `limit`, `policy`, … */
  readonly outcome: string;
  /** Further words for people; no secrets. */
  readonly detail: string | null;
}

/** An entry where it stands in the log. */
export interface AuditRecord extends AuditEntry {
  /** 1, 2, 3, … without gaps. */
  readonly sequence: number;
  /** Of the entry before and this one's fields; 32 octets. */
  readonly chain: Uint8Array;
}

/** Where the log stands, or stood: to be noted elsewhere, so that a log that was cut off shows. */
export interface AuditHead {
  /** The number of the last entry; 0 for an empty log. */
  readonly sequence: number;
  readonly chain: Uint8Array;
}

export interface AuditFilter {
  /** Entries after this number. */
  readonly after?: number;
  /** Unix milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
  readonly account?: string;
  /** `key` finds `key.rotate` too. */
  readonly action?: string;
  readonly outcome?: string;
  readonly limit: number;
  /** The newest `limit` entries instead of the oldest; the answer is in ascending order all the same. */
  readonly newest?: boolean;
}

/** Texts of an entry that come from outside are cut here. */
const MAX_TEXT = 500;

/** An entry in which whatever is not given is null, and the outcome `ok`. */
export function auditEntry(
  entry: Pick<AuditEntry, "at" | "actor" | "action"> & Partial<AuditEntry>,
): AuditEntry {
  return {
    at: entry.at,
    actor: recordable(entry.actor),
    action: entry.action,
    account: entry.account ?? null,
    subject: recordable(entry.subject ?? null),
    kid: entry.kid ?? null,
    messageIdHash: entry.messageIdHash ?? null,
    recipients: entry.recipients ?? null,
    client: recordable(entry.client ?? null),
    outcome: entry.outcome ?? "ok",
    detail: recordable(entry.detail ?? null),
  };
}

/** What every store keeps exactly as it is, so that the chain can be computed again, and a terminal can show. */
function recordable<T extends string | null>(text: T): T;
function recordable(text: string | null): string | null {
  return (
    text
      ?.slice(0, MAX_TEXT)
      .toWellFormed()
      .replace(/\p{Cc}/gu, "\uFFFD") ?? null
  );
}
