/** `suspended`: may neither log in nor sign, and its keys answer `st=suspended` (LIF-10, LIF-11). */
export type AccountState = "active" | "suspended";
/** `active` signs; `retired` still verifies until `notAfter`; `revoked` fails every signature (STA-2). */
export type KeyState = "active" | "retired" | "revoked";
/** *Send as*: sign as the granted address. *On behalf*: write From it, with the own address in Sender (SUB-2, SUB-3). */
export type GrantKind = "send-as" | "on-behalf";

/** A domain this provider hosts. */
export interface DomainRecord {
  /** A-labels, lower case. */
  readonly name: string;
  /** `ep` of the policy record (POL-9), Unix seconds: statements issued before it are void. */
  readonly epoch: number | null;
  /** The statement key `dk`; null while statements are not signed. */
  readonly statementKey: SealedKeyPair | null;
  /** Unix seconds. */
  readonly createdAt: number;
}

export interface SealedKeyPair {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** PKCS#8 under the master key. */
  readonly sealed: Uint8Array;
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
  readonly id: string;
  /** Canonical, unencoded. */
  readonly primaryAddress: string;
  readonly state: AccountState;
  /** Unix seconds. */
  readonly createdAt: number;
}

/** What can be told to anyone about a key. Times are Unix seconds. */
export interface PublicKeyRecord {
  readonly kid: string;
  readonly algorithm: "ed25519-sha256";
  readonly state: KeyState;
  readonly spki: Uint8Array;
  readonly notBefore: number;
  /** Null as long as no end is set: for active keys. */
  readonly notAfter: number | null;
}

export interface NewKey extends SealedKeyPair {
  readonly kid: string;
  readonly algorithm: "ed25519-sha256";
  readonly notBefore: number;
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

/** An account's keys as the world may see them. */
export interface PublicRecord extends AccountRights {
  readonly keys: readonly PublicKeyRecord[];
}

/**
 * Why a store refused a change that it understood:
 * - `exists`: the domain, address or grant is there already;
 * - `address-taken`: the address belongs to an account (addresses are unique);
 * - `key-taken`: the public key is held already (LIF-3);
 * - `not-hosted`: the domain is none of ours; `no-account`, `no-address`: there is none;
 * - `suspended`, `not-suspended`: the account's state does not allow the change;
 * - `primary`: an account's primary address cannot be removed;
 * - `too-many`: more than {@link MAX_GRANTS} grants for one domain.
 */
export type Refusal =
  | "exists"
  | "address-taken"
  | "key-taken"
  | "not-hosted"
  | "no-account"
  | "no-address"
  | "suspended"
  | "not-suspended"
  | "primary"
  | "too-many";
export type StoreOutcome = "done" | Refusal;

/** `og` holds at most 32 values (IDY-13). */
export const MAX_GRANTS = 32;

export interface NewAccount {
  readonly id: string;
  readonly primaryAddress: string;
  readonly aliases: readonly string[];
  /** PHC string; null for an account nobody logs in to. */
  readonly passwordHash: string | null;
  readonly key: NewKey;
  readonly createdAt: number;
}

/** One step of the key state machine; see key-lifecycle.ts. */
export interface KeyReplacement {
  readonly accountId: string;
  readonly newKey: NewKey;
  /** What becomes of the keys that are not revoked yet. */
  readonly oldKeys:
    | { readonly become: "retired"; readonly notAfter: number }
    | { readonly become: "revoked" };
  readonly requiredState: AccountState;
  readonly at: number;
  /** For the key history (LIF-16). */
  readonly reason: "rotation" | "re-key" | "resume";
}

/**
 * What can be read by a process that must never hold a private key. All addresses are canonical and unencoded.
 * Every method may reject with a {@link KeyringStoreError}.
 */
export interface PublicKeyringStore {
  /**
   * A number that differs from every earlier answer once anything may have changed, also by another process:
   * readers throw away what they remember. Cheap enough to ask before every use of a cache.
   */
  changeCount(): number;
  publicDomain(name: string): Promise<PublicDomain | null>;
  /** The account that owns the address, with its keys, newest first. */
  publicRecord(address: string): Promise<PublicRecord | null>;
}

/** Where the keyring keeps its accounts. Each method that changes something is one transaction. */
export interface KeyringStore extends PublicKeyringStore {
  /** Remembers the master key's check value at first use; returns the one remembered. */
  bindMasterKey(check: string): Promise<string>;

  domain(name: string): Promise<DomainRecord | null>;
  domains(): Promise<readonly DomainRecord[]>;
  addDomain(domain: DomainRecord): Promise<StoreOutcome>;
  addAccount(account: NewAccount): Promise<StoreOutcome>;
  addAddress(accountId: string, address: string): Promise<StoreOutcome>;
  /** Removes an alias and every grant that names it. */
  removeAddress(address: string): Promise<StoreOutcome>;
  addGrant(accountId: string, grant: GrantRecord): Promise<StoreOutcome>;
  removeGrant(accountId: string, grant: GrantRecord): Promise<StoreOutcome>;

  /** All accounts by primary address, or those with their primary address in one domain. */
  accounts(domain: string | null): Promise<readonly AccountRecord[]>;
  rights(accountId: string): Promise<AccountRights | null>;
  owner(address: string): Promise<AccountRecord | null>;

  /** The account that owns an address, with its password hash (PHC string, null when it has none). */
  credential(address: string): Promise<{ account: AccountRecord; passwordHash: string | null } | null>;
  setPassword(accountId: string, passwordHash: string, at: number): Promise<StoreOutcome>;

  /** The key that signs now: the newest active one. */
  activeKey(accountId: string): Promise<(SealedKeyPair & PublicKeyRecord) | null>;
  /** Every key the account ever had, newest first (LIF-16). */
  keyHistory(accountId: string): Promise<readonly PublicKeyRecord[]>;
  suspend(accountId: string, at: number): Promise<StoreOutcome>;
  /** Adds the new key, moves the old ones on and destroys their private halves; the account becomes active. */
  replaceKeys(replacement: KeyReplacement): Promise<StoreOutcome>;
}

/** The store could not do its work: `busy` and `full` may pass by themselves, `broken` needs the operator. */
export class KeyringStoreError extends Error {
  override readonly name = "KeyringStoreError";
  readonly kind: "busy" | "full" | "broken";

  constructor(kind: "busy" | "full" | "broken", cause: unknown) {
    super(`keyring store: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}
