/**
 * `suspended`: may neither log in nor sign, and its keys answer `st=suspended` (LIF-10, LIF-11). `removed`: only its
 * history is left; its addresses are free for others (LIF-19).
 */
export type AccountState = "active" | "suspended" | "removed";
/** `active` signs; `retired` still verifies until `notAfter`; `revoked` fails every signature (STA-2). */
export type KeyState = "active" | "retired" | "revoked";
/** *Send as*: sign as the granted address. *On behalf*: write From it, with the own address in Sender (SUB-2, SUB-3). */
export type GrantKind = "send-as" | "on-behalf";
/** Why a key left a state; kept in its history (LIF-16). */
export type KeyReason =
  | "rotation"
  | "re-key"
  | "resume"
  | "revocation"
  | "bulk re-key"
  | "removal"
  | "key lock"
  | "password reset";

export interface SealedKeyPair {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** PKCS#8, sealed under the master key, and before under the account's key lock where it has one. */
  readonly sealed: Uint8Array;
}

/** A domain this provider hosts. */
export interface DomainRecord {
  /** A-labels, lower case. */
  readonly name: string;
  /** `ep` of the policy record (POL-9), Unix seconds: statements issued before it are void. */
  readonly epoch: number | null;
  /** The statement key `dk`; null while statements are not signed. */
  readonly statementKey: SealedKeyPair | null;
  /** Private keys of its accounts are kept after retirement, to be published after their end (LIF-18). */
  readonly releasesKeys: boolean;
  /** Unix seconds. */
  readonly createdAt: number;
}

/** What a key server says about a domain of its provider. */
export interface PublicDomain {
  readonly name: string;
  /** `ep` (POL-9), Unix seconds. */
  readonly epoch: number | null;
  /** `dk` (POL-8), DER SubjectPublicKeyInfo; null while statements are not signed. */
  readonly statementKey: Uint8Array | null;
}

export interface AccountRecord {
  /** 24 hexadecimal digits; never given to another account. */
  readonly id: string;
  /** Canonical, unencoded. Of a removed account: the one it had. */
  readonly primaryAddress: string;
  readonly state: AccountState;
  /** Unix seconds, like all times of records. */
  readonly createdAt: number;
  readonly stateSince: number;
  /** Recipients in a period that differ from what the settings allow (LIF-14); null: as the settings say. */
  readonly recipientLimit: number | null;
  /**
   * Raw X25519 public key (32 octets) under which the account's private keys are sealed besides the master key: only
   * its own passwords open them. Null: the master key alone opens them.
   */
  readonly keyLock: Uint8Array | null;
}

/** What can be told to anyone about a key. */
export interface PublicKeyRecord {
  readonly kid: string;
  readonly algorithm: "ed25519-sha256";
  readonly state: KeyState;
  readonly spki: Uint8Array;
  readonly notBefore: number;
  /** Null as long as no end is set: for active keys. */
  readonly notAfter: number | null;
}

/** One key in an account's history (LIF-16). */
export interface KeyRecord extends PublicKeyRecord {
  readonly accountId: string;
  readonly stateSince: number;
  /** Why it is no longer active; null for the active key. */
  readonly reason: KeyReason | null;
  /** The private half is still stored: of active keys, and of retired ones that are to be released (LIF-18). */
  readonly hasPrivateKey: boolean;
  /** When its private half was published (LIF-18); null: it was not. */
  readonly releasedAt: number | null;
}

export interface NewKey extends SealedKeyPair {
  readonly kid: string;
  readonly algorithm: "ed25519-sha256";
  readonly notBefore: number;
  /** The key lock that it is sealed under; the store refuses it (`relocked`) when the account has another by now. */
  readonly keyLock: Uint8Array | null;
}

/** Exactly one of the two: one address, or every address of a domain. */
export type GrantTarget = { readonly address: string } | { readonly domain: string };
export interface GrantRecord {
  readonly kind: GrantKind;
  readonly target: GrantTarget;
}

/** An account with everything that decides what it may sign. */
export interface AccountRights {
  readonly account: AccountRecord;
  /** Canonical, the primary address first. */
  readonly addresses: readonly string[];
  readonly grants: readonly GrantRecord[];
}

/** What those who logged in to an account may do now; a login ends with what it was made by. */
export interface UserRights extends AccountRights {
  readonly credentials: readonly CredentialTerm[];
}

/** Tells a credential from one that came in its place, and when it ends. */
export type CredentialTerm = Pick<CredentialRecord, "id" | "createdAt" | "notAfter">;

/** An account's keys as the world may see them. */
export interface PublicRecord extends AccountRights {
  /** Newest first. */
  readonly keys: readonly PublicKeyRecord[];
}

/** What proves a user: the account's password, or one of its app passwords (PRV-6). */
export interface CredentialRecord {
  /** 8 lower-case base32 digits (RFC 4648 alphabet); unique within the account; `password` for the password itself. */
  readonly id: string;
  readonly kind: "password" | "app-password";
  /** For people: "phone". Empty for the password. */
  readonly name: string;
  /** PHC string (argon2id). */
  readonly hash: string;
  /** SCRAM-SHA-256 verifier; null where there is none. This and the next two are sealed under the master key. */
  readonly scram: Uint8Array | null;
  /** The private half of the account's key lock under a key from this password; null without a lock. */
  readonly lockByPassword: Uint8Array | null;
  /** The same under the ClientKey of SCRAM. */
  readonly lockByScram: Uint8Array | null;
  /** An app password may write From these addresses only; null: all that the account may. */
  readonly addresses: readonly string[] | null;
  readonly createdAt: number;
  /** When it ends; null: never. */
  readonly notAfter: number | null;
  /** Accurate to an hour; null: never used. */
  readonly lastUsedAt: number | null;
}

/** What of a credential is sealed under the master key: `scram`, `lockByPassword`, `lockByScram`. */
export type CredentialSecret = "scram" | "lock-by-password" | "lock-by-scram";

export type EnrolmentMode = "sign" | "getkey";

/** A submission server that the private interface answers, and what it may do (PRV-2). */
export interface EnrolmentRecord {
  /** For people and the audit log; unique. */
  readonly name: string;
  /** How it proves itself: SHA-256 (hex) of its certificate's SubjectPublicKeyInfo, or the Unix socket made for it. */
  readonly proof:
    | { readonly kind: "certificate"; readonly spkiSha256: string }
    | { readonly kind: "unix-socket"; readonly user: string | null; readonly group: string | null };
  /** Whose accounts it may sign for: `domain` names, canonical addresses; `*` for all. */
  readonly scope: readonly string[];
  readonly modes: readonly EnrolmentMode[];
  /** It may use ASSERT (PRV-9). */
  readonly mayAssert: boolean;
  readonly createdAt: number;
}
