import type { ChangeFeed } from "../changes/index.ts";
import type { AuditEntry, AuditFilter, AuditHead, AuditRecord } from "./audit/audit-entry.ts";
import type {
  AccountRecord,
  AccountState,
  CredentialRecord,
  CredentialSecret,
  DomainRecord,
  EnrolmentRecord,
  GrantRecord,
  KeyReason,
  KeyRecord,
  NewKey,
  PublicDomain,
  PublicKeyRecord,
  PublicRecord,
  SealedKeyPair,
  UserRights,
} from "./records.ts";

/**
 * Why a store refused a change that it understood:
 * - `exists`: the domain, address, grant or name is there already;
 * - `address-taken`: the address belongs to an account (addresses are unique);
 * - `key-taken`: the public key is held already (LIF-3);
 * - `not-hosted`: the domain is none of ours; `no-account`, `no-address`, `no-key`, `no-credential`,
 *   `no-enrolment`: there is none;
 * - `suspended`, `not-suspended`, `removed`: the account's state does not allow the change;
 * - `revoked`: the key is already;
 * - `relocked`: the account has another key lock than the key or credential was made for;
 * - `primary`: an account's primary address cannot be removed;
 * - `in-use`: a domain with addresses in it cannot be removed;
 * - `too-many`: more than `MAX_GRANTS` grants for one domain.
 */
export type Refusal =
  | "exists"
  | "address-taken"
  | "key-taken"
  | "not-hosted"
  | "no-account"
  | "no-address"
  | "no-key"
  | "no-credential"
  | "no-enrolment"
  | "suspended"
  | "not-suspended"
  | "removed"
  | "revoked"
  | "relocked"
  | "primary"
  | "in-use"
  | "too-many";
export type StoreOutcome = "done" | Refusal;

export interface NewAccount {
  readonly id: string;
  readonly primaryAddress: string;
  readonly aliases: readonly string[];
  /** Null for an account nobody logs in to. */
  readonly password: CredentialRecord | null;
  readonly keyLock: Uint8Array | null;
  readonly key: NewKey;
  readonly createdAt: number;
}

/** One step of the key state machine; see key-lifecycle.ts. */
export interface KeyReplacement {
  readonly accountId: string;
  readonly newKey: NewKey;
  /** What becomes of the keys that are not revoked yet. */
  readonly oldKeys:
    | {
        readonly become: "retired";
        readonly notAfter: number;
        /** The private half stays, to be released after `notAfter` (LIF-18). */
        readonly keepPrivateKey: boolean;
      }
    | { readonly become: "revoked" };
  readonly requiredState: AccountState;
  /** The same where the operation leaves the account's state alone; `stateSince` stays then. */
  readonly stateAfter: AccountState;
  readonly at: number;
  readonly reason: KeyReason;
}

/** Everything that changes when an account's password does. */
export interface PasswordChange {
  readonly accountId: string;
  /** Null: nobody can log in any more, app passwords go too. */
  readonly password: CredentialRecord | null;
  /** The key lock that the password opens, `relock`'s where there is one; `relocked` when the account has another. */
  readonly keyLock: Uint8Array | null;
  /**
   * For accounts with a key lock whose old password is not known, and where the lock is put on or taken off: the new
   * lock and a new key under it. All other credentials go, since they open the old lock.
   */
  readonly relock: { readonly keyLock: Uint8Array | null; readonly replacement: KeyReplacement } | null;
  readonly at: number;
}

/** One use of an account that is counted and logged together, in one transaction. */
export interface Use {
  readonly entry: AuditEntry;
  /** Counts recipients against the account's limit (LIF-14); null where nothing is counted. */
  readonly take: {
    readonly accountId: string;
    readonly recipients: number;
    /** Most recipients in any `periodMs`, unless the account has a limit of its own. */
    readonly limit: number;
    readonly periodMs: number;
  } | null;
  /** A credential that was used just now. */
  readonly touch: { readonly accountId: string; readonly credentialId: string } | null;
}

/**
 * `limited`: nothing was counted, and the entry was logged with the outcome `limit`. `freeAt` is when that many would
 * fit, Unix milliseconds; null when they never would.
 */
export type UseAnswer =
  | { readonly kind: "taken" }
  | { readonly kind: "limited"; readonly limit: number; readonly freeAt: number | null };

/**
 * What can be read by a process that must never hold a private key. All addresses are canonical and unencoded.
 * Every method may reject with a {@link KeyringStoreError}.
 */
export interface PublicKeyringStore extends ChangeFeed {
  publicDomain(name: string): Promise<PublicDomain | null>;
  /** By name. */
  publicDomains(): Promise<readonly PublicDomain[]>;
  /** The account that owns the address, with its keys, newest first. */
  publicRecord(address: string): Promise<PublicRecord | null>;
  close(): Promise<void>;
}

/** Addresses in ascending order, a page at a time. */
export interface AccountPage {
  /** Accounts whose primary address is in this domain; null: in any. */
  readonly domain: string | null;
  /** Primary addresses after this one; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
  /** Without it, active and suspended ones. */
  readonly state?: AccountState;
}

/**
 * Where the keyring keeps its accounts. Each method that changes something is one transaction, logs its entry in the
 * same, and logs nothing when it refuses. Removed accounts are found by `account`, and by `accounts` when asked for.
 */
export interface KeyringStore extends PublicKeyringStore {
  /** Remembers the master key's check value at first use; returns the one remembered. */
  bindMasterKey(check: string): Promise<string>;
  /** What decoys are made from, sealed; null as long as the master key is the first one. */
  decoySecret(): Promise<Uint8Array | null>;
  /**
   * Re-wrap: gives everything sealed to `reseal`, in batches, one transaction each, and at the end changes what `next`
   * says. It may be broken off and begun again: `reseal` returns null for what is under the new key already.
   */
  rewrap(
    reseal: Reseal,
    next: NextMasterKey,
    entry: AuditEntry,
    onProgress: (done: number, of: number) => void,
  ): Promise<void>;

  domain(name: string): Promise<DomainRecord | null>;
  domains(): Promise<readonly DomainRecord[]>;
  addDomain(domain: DomainRecord, entry: AuditEntry): Promise<StoreOutcome>;
  /** Changes epoch, statement key and `releasesKeys` of a domain. */
  changeDomain(domain: DomainRecord, entry: AuditEntry): Promise<StoreOutcome>;
  /** Only a domain without addresses: `in-use`. */
  removeDomain(name: string, entry: AuditEntry): Promise<StoreOutcome>;

  addAccount(account: NewAccount, entry: AuditEntry): Promise<StoreOutcome>;
  /** Many at once, one entry each, all or none: for loading. */
  addAccounts(accounts: readonly (readonly [NewAccount, AuditEntry])[]): Promise<StoreOutcome>;
  /** Revokes its keys, destroys credentials, grants and addresses; the history stays. */
  removeAccount(accountId: string, at: number, entry: AuditEntry): Promise<StoreOutcome>;
  /**
   * LIF-19: the address goes to a new account with a new key. If it is its owner's primary address, the owner is
   * removed first, as by `removeAccount`; if it is an alias, only the alias moves.
   */
  reassign(account: NewAccount, entry: AuditEntry): Promise<StoreOutcome>;
  addAddress(accountId: string, address: string, entry: AuditEntry): Promise<StoreOutcome>;
  /** Removes an alias and every grant that names it. */
  removeAddress(address: string, entry: AuditEntry): Promise<StoreOutcome>;
  addGrant(accountId: string, grant: GrantRecord, entry: AuditEntry): Promise<StoreOutcome>;
  removeGrant(accountId: string, grant: GrantRecord, entry: AuditEntry): Promise<StoreOutcome>;
  setRecipientLimit(accountId: string, limit: number | null, entry: AuditEntry): Promise<StoreOutcome>;

  account(accountId: string): Promise<AccountRecord | null>;
  accounts(page: AccountPage): Promise<readonly AccountRecord[]>;
  /** How many accounts are active or suspended, in one domain or in all. */
  countAccounts(domain: string | null): Promise<number>;
  rights(accountId: string): Promise<UserRights | null>;
  owner(address: string): Promise<AccountRecord | null>;

  /** The account that owns an address, with everything that may prove its user; the password first. */
  credentials(
    address: string,
  ): Promise<{ account: AccountRecord; credentials: readonly CredentialRecord[] } | null>;
  changePassword(change: PasswordChange, entry: AuditEntry): Promise<StoreOutcome>;
  /** @param keyLock the one that the credential opens; `relocked` when the account has another */
  addCredential(
    accountId: string,
    credential: CredentialRecord,
    keyLock: Uint8Array | null,
    entry: AuditEntry,
  ): Promise<StoreOutcome>;
  removeCredential(accountId: string, credentialId: string, entry: AuditEntry): Promise<StoreOutcome>;

  /** The key that signs now: the newest active one. */
  activeKey(accountId: string): Promise<(SealedKeyPair & PublicKeyRecord) | null>;
  key(kid: string): Promise<KeyRecord | null>;
  /** Every key the account ever had, newest first (LIF-16). */
  keyHistory(accountId: string): Promise<readonly KeyRecord[]>;
  suspend(accountId: string, at: number, entry: AuditEntry): Promise<StoreOutcome>;
  /** Adds the new key, moves the old ones on and destroys their private halves. */
  replaceKeys(replacement: KeyReplacement, entry: AuditEntry): Promise<StoreOutcome>;
  /** Many at once, in one transaction, an outcome each: an account that is refused is left out, the others change. */
  replaceKeysOfMany(
    replacements: readonly (readonly [KeyReplacement, AuditEntry])[],
  ): Promise<readonly StoreOutcome[]>;
  /** Accounts of a domain (null: all) in this state whose active key was made before `madeBefore`, oldest address first. */
  accountsWithKeysBefore(madeBefore: number, page: AccountPage): Promise<readonly AccountRecord[]>;
  /** A retired key becomes revoked. `no-key` for an active one: that takes a replacement. */
  revokeRetiredKey(kid: string, at: number, entry: AuditEntry): Promise<StoreOutcome>;
  /** Retired keys past their end whose private halves are stored and were not released yet (LIF-18). */
  releasableKeys(now: number, limit: number): Promise<readonly (KeyRecord & SealedKeyPair)[]>;
  /** Marks a key as released; its private half is public from now on and leaves the store. */
  markReleased(kid: string, at: number, entry: AuditEntry): Promise<StoreOutcome>;

  enrolments(): Promise<readonly EnrolmentRecord[]>;
  addEnrolment(enrolment: EnrolmentRecord, entry: AuditEntry): Promise<StoreOutcome>;
  removeEnrolment(name: string, entry: AuditEntry): Promise<StoreOutcome>;

  /** Counts and logs, all in one transaction, an answer each in the order given. */
  use(uses: readonly Use[]): Promise<readonly UseAnswer[]>;
  /** What an account has used in the period that ends now. */
  recipientsUsed(accountId: string, periodMs: number, now: number): Promise<number>;

  audit(filter: AuditFilter): Promise<readonly AuditRecord[]>;
  /** The last entry that was archived, which may not be removed yet; 0: none was. */
  archivedUpTo(): Promise<number>;
  /**
   * Lets the entries up to `last` be removed, and logs it. False, and nothing is done, when others archived meanwhile
   * or `last` is not in the log.
   *
   * @param after the last entry that was archived before
   */
  archive(after: number, last: AuditHead, entry: AuditEntry): Promise<boolean>;
  /** Removes some of the oldest archived entries: few, so that nobody has to wait. @returns how many */
  removeArchived(): Promise<number>;
}

/** What the store remembers of a master key. */
export interface NextMasterKey {
  readonly check: string;
  /** Sealed under it. */
  readonly decoySecret: Uint8Array;
}

/** @param what names the row for errors and contexts, as the keyring sealed it */
export type Reseal = (
  sealed: Uint8Array,
  what:
    | { readonly kind: "account-key"; readonly accountId: string; readonly kid: string }
    | { readonly kind: "statement-key"; readonly domain: string }
    | { readonly kind: "credential"; readonly accountId: string; readonly part: CredentialSecret },
) => Uint8Array | null;

/** The store could not do its work: `busy` and `full` may pass by themselves, `broken` needs the operator. */
export class KeyringStoreError extends Error {
  override readonly name = "KeyringStoreError";
  readonly kind: "busy" | "full" | "broken";

  constructor(kind: "busy" | "full" | "broken", cause: unknown) {
    super(`keyring store: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}
