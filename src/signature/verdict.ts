/** Results of verifying (VER-10). */
export type Result = "none" | "pass" | "neutral" | "fail" | "temperror" | "permerror";

/** Fail reasons that mean the message was damaged on its way; they count as unsigned mail (VER-11). */
export type DamageReason = "body" | "signature";
/** Fail reasons that mean the identity's provider does not answer for the message. */
export type RefusalReason =
  | "identity"
  | "no-keyserver"
  | "no-key"
  | "bad-key"
  | "revoked"
  | "suspended"
  | "expired"
  | "exact";
export type FailReason = DamageReason | RefusalReason;
/** The closed set of reasons; those outside `fail` are VER-12's. */
export type Reason = FailReason | "syntax" | "unavailable" | "unsigned" | "sender-only";

/** How the signing identity stands to From (IDY-9 to IDY-11). */
export type Alignment = "from" | "agent" | "sender";
/** How the transaction's recipients stand to those that were signed (VER-14 to VER-16). */
export type RecipientMatch = "unbound" | "match" | "forwarded" | "mismatch";
/** How well the key server was authenticated (TRU-1). */
export type Trust = "host" | "domain";

/** What verifying one message came to. */
export interface Verdict {
  readonly result: Result;
  /** Null for `pass` only. */
  readonly reason: Reason | null;
  /** `i` as it stands in the field that decided, percent-encoded; null when no field could be read. */
  readonly identity: string | null;
  readonly kid: string | null;
  /** Known once a signature verified. */
  readonly align: Alignment | null;
  /** Known once a signature verified, and only where recipients were given or none were signed. */
  readonly rcpt: RecipientMatch | null;
  readonly trust: Trust | null;
  /** One sentence for people; nothing may depend on it. */
  readonly detail: string;
  /** The top identity of a sound custody chain that answers for this delivery; null unless `forwarded`. */
  readonly forwarder: string | null;
  /** `f` holds `auto`: machine-generated mail (SIG-19). */
  readonly automatic: boolean;
  /** The level-0 signature that verified, by which a replay is known (RPL-1); null: none did. */
  readonly signature: VerifiedSignature | null;
}

/** What tells a signature from all others, and until when it can be replayed. */
export interface VerifiedSignature {
  /** SHA-256 of the decoded octets of `b` (RPL-3). */
  readonly digest: Uint8Array;
  /** `x`, Unix seconds. */
  readonly expiresAt: number;
}
