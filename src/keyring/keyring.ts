import { type Address, addressText } from "../message/index.ts";
import { isAccountId } from "./account-id.ts";
import * as accounts from "./administration/accounts.ts";
import { Administration } from "./administration/administration.ts";
import { type ArchiveOptions, type ArchiveOutcome, archiveAudit } from "./administration/archive-audit.ts";
import { addAccounts, type LoadOptions } from "./administration/bulk-accounts.ts";
import { type BulkOptions, type Progress, rekeyAll, rotateDue } from "./administration/bulk-keys.ts";
import * as domains from "./administration/domains.ts";
import { type EnrolmentOptions, enrol, removeEnrolment } from "./administration/enrolment.ts";
import type { GrantOptions } from "./administration/grant.ts";
import { type ReleasedKey, releaseKeys } from "./administration/key-release.ts";
import { replaceKey, revokeKey } from "./administration/keys.ts";
import { addressName, domainName } from "./administration/names.ts";
import * as passwords from "./administration/passwords.ts";
import { rewrap } from "./administration/rewrap.ts";
import type { AuditFilter, AuditHead, AuditRecord } from "./audit/audit-entry.ts";
import { type AuditVerification, auditHead, verifyAudit } from "./audit/audit-verification.ts";
import { openDecoySecret } from "./decoy-secret.ts";
import { openStatementKey } from "./key-pair.ts";
import type { KeyringStore } from "./keyring-store.ts";
import { type MasterKey, MasterKeyError } from "./master-key.ts";
import { DEFAULT_LIMITS, type LimitSettings, recipientLimit } from "./recipient-limits.ts";
import type {
  AccountRecord,
  AccountState,
  DomainRecord,
  EnrolmentRecord,
  KeyRecord,
  UserRights,
} from "./records.ts";

export interface KeyringOptions {
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  /** For the audit log: who acts, such as `cli:root`; `system` without one. */
  readonly actor?: string;
  readonly clock?: { now(): number };
  readonly limits?: LimitSettings;
  /** Passwords set from now on can be used with SCRAM-SHA-256 too. */
  readonly scram?: boolean;
}

/** What an account has sent in the period that ends now (LIF-14). */
export interface RecipientUsage {
  readonly used: number;
  readonly limit: number;
  readonly periodMs: number;
}

const PAGE = 500;

/**
 * The administration of a provider's accounts with their addresses, grants, passwords and key pairs: the central key
 * store (LIF-4). Every act is logged with its actor in the same transaction (PRV-20). {@link UserKeys} is for
 * those who log in, {@link PublicKeyView} for everybody.
 */
export class Keyring {
  readonly #store: KeyringStore;
  readonly #masterKey: MasterKey;
  readonly #administration: Administration;
  readonly #limits: LimitSettings;

  private constructor(options: KeyringOptions) {
    const { store, masterKey, actor = "system", clock = Date, scram = false } = options;
    this.#store = store;
    this.#masterKey = masterKey;
    this.#administration = new Administration({ store, masterKey, actor, clock, scram });
    this.#limits = options.limits ?? DEFAULT_LIMITS;
  }

  /** @throws MasterKeyError when the store's keys are sealed under another master key */
  static async open(options: KeyringOptions): Promise<Keyring> {
    const { store, masterKey } = options;
    if ((await store.bindMasterKey(masterKey.check)) !== masterKey.check) {
      throw new MasterKeyError(
        "the master key is not the one of this key store; restore the right one, or after master-key rewrap name the new one",
      );
    }
    return new Keyring(options);
  }

  /** What decoys are made from. */
  async decoySecret(): Promise<Uint8Array> {
    return openDecoySecret(await this.#store.decoySecret(), this.#masterKey);
  }

  // --- Domains

  domains(): ReturnType<KeyringStore["domains"]> {
    return this.#store.domains();
  }

  domain(name: string): Promise<DomainRecord | null> {
    return this.#store.domain(name);
  }

  /** A domain's statement key with its public half; null when its statements are not signed. */
  async statementKey(domain: string) {
    const pair = (await this.#store.domain(domain))?.statementKey;
    return pair ? { spki: pair.spki, privateKey: openStatementKey(pair, domain, this.#masterKey) } : null;
  }

  addDomain(name: string, options: domains.NewDomainOptions = {}) {
    return domains.addDomain(this.#administration, name, options);
  }

  changeDomain(name: string, options: { readonly releaseKeys: boolean }) {
    return domains.changeDomain(this.#administration, name, options);
  }

  replaceStatementKey(name: string) {
    return domains.replaceStatementKey(this.#administration, name);
  }

  raiseEpoch(name: string) {
    return domains.raiseEpoch(this.#administration, name);
  }

  removeDomain(name: string) {
    return domains.removeDomain(this.#administration, name);
  }

  // --- Accounts

  /** @param name an id, or any address as people write it */
  async account(name: string): Promise<AccountRecord | null> {
    if (isAccountId(name)) return this.#store.account(name);
    const parsed = addressName(name);
    return parsed.ok ? this.#store.owner(parsed.address) : null;
  }

  owner(address: Address): Promise<AccountRecord | null> {
    return this.#store.owner(addressText(address));
  }

  /**
   * In the order of their primary addresses, a page at a time.
   *
   * @param filter `domain`: that of the primary address; `after`: primary addresses after this one
   */
  async *accounts(
    filter: {
      readonly domain?: string | null;
      readonly state?: AccountState;
      readonly after?: string | null;
    } = {},
  ): AsyncGenerator<AccountRecord, void, undefined> {
    const { domain: written = null, after: start = null, ...state } = filter;
    const name = written === null ? null : domainName(written);
    if (name !== null && !name.ok) return;
    const domain = name?.domain ?? null;
    let after = start;
    for (;;) {
      const page = await this.#store.accounts({ domain, after, limit: PAGE, ...state });
      yield* page;
      after = page.at(-1)?.primaryAddress ?? null;
      if (page.length < PAGE) return;
    }
  }

  countAccounts(domain: string | null = null): Promise<number> {
    return this.#store.countAccounts(domain);
  }

  /** The account with its addresses and grants; null when there is no such account. */
  rights(accountId: string): Promise<UserRights | null> {
    return this.#store.rights(accountId);
  }

  addAccount(options: accounts.NewAccountOptions) {
    return accounts.addAccount(this.#administration, options);
  }

  addAccounts(
    many: AsyncIterable<accounts.NewAccountOptions> | Iterable<accounts.NewAccountOptions>,
    options: LoadOptions = {},
  ) {
    return addAccounts(this.#administration, many, options);
  }

  removeAccount(accountId: string) {
    return accounts.removeAccount(this.#administration, accountId);
  }

  reassign(options: accounts.NewAccountOptions) {
    return accounts.reassign(this.#administration, options);
  }

  addAlias(accountId: string, alias: string) {
    return accounts.addAlias(this.#administration, accountId, alias);
  }

  removeAlias(alias: string) {
    return accounts.removeAlias(this.#administration, alias);
  }

  grant(accountId: string, options: GrantOptions) {
    return accounts.grant(this.#administration, accountId, options);
  }

  withdraw(accountId: string, options: GrantOptions) {
    return accounts.withdraw(this.#administration, accountId, options);
  }

  suspend(accountId: string, reason: string | null = null) {
    return accounts.suspend(this.#administration, accountId, reason);
  }

  /** Ends a suspension. It re-keys: whoever had the old key must not get the use of it back (LIF-13). */
  resume(accountId: string) {
    return replaceKey(this.#administration, accountId, "resume");
  }

  setRecipientLimit(accountId: string, limit: number | null) {
    return accounts.setRecipientLimit(this.#administration, accountId, limit);
  }

  async recipientUsage(accountId: string): Promise<RecipientUsage | null> {
    const account = await this.#store.account(accountId);
    if (account === null) return null;
    const now = this.#administration.nowMs();
    const { periodMs } = this.#limits;
    const used = await this.#store.recipientsUsed(accountId, periodMs, now);
    return { used, limit: recipientLimit(account, this.#limits, now), periodMs };
  }

  // --- Passwords

  credentials(accountId: string): Promise<readonly passwords.CredentialSummary[]> {
    return passwords.credentials(this.#administration, accountId);
  }

  setPassword(accountId: string, password: string, options: { readonly oldPassword?: string } = {}) {
    return passwords.setPassword(this.#administration, accountId, password, options);
  }

  clearPassword(accountId: string) {
    return passwords.clearPassword(this.#administration, accountId);
  }

  setKeyLock(accountId: string, on: boolean, password: string) {
    return passwords.setKeyLock(this.#administration, accountId, on, password);
  }

  addAppPassword(accountId: string, options: passwords.AppPasswordOptions) {
    return passwords.addAppPassword(this.#administration, accountId, options);
  }

  removeAppPassword(accountId: string, credentialId: string) {
    return passwords.removeAppPassword(this.#administration, accountId, credentialId);
  }

  // --- Keys

  /** Every key the account ever had, newest first (LIF-16). */
  keyHistory(accountId: string): Promise<readonly KeyRecord[]> {
    return this.#store.keyHistory(accountId);
  }

  key(kid: string): Promise<KeyRecord | null> {
    return this.#store.key(kid);
  }

  /** Planned rotation: the old key goes on verifying what it signed (LIF-8). */
  rotate(accountId: string) {
    return replaceKey(this.#administration, accountId, "rotate");
  }

  /** Immediate re-key after theft or hijack: every older key is revoked at once (LIF-9). */
  rekey(accountId: string) {
    return replaceKey(this.#administration, accountId, "re-key");
  }

  revokeKey(kid: string) {
    return revokeKey(this.#administration, kid);
  }

  rotateDue(olderThanSeconds: number, options: BulkOptions) {
    return rotateDue(this.#administration, olderThanSeconds, options);
  }

  rekeyAll(options: BulkOptions & { readonly resume?: boolean }) {
    return rekeyAll(this.#administration, options);
  }

  releaseKeys(publish: (keys: readonly ReleasedKey[]) => Promise<void>): Promise<number> {
    return releaseKeys(this.#administration, publish);
  }

  // --- Submission servers

  enrolments(): Promise<readonly EnrolmentRecord[]> {
    return this.#store.enrolments();
  }

  enrol(options: EnrolmentOptions) {
    return enrol(this.#administration, options);
  }

  removeEnrolment(name: string) {
    return removeEnrolment(this.#administration, name);
  }

  // --- Audit and secrets

  audit(filter: AuditFilter): Promise<readonly AuditRecord[]> {
    return this.#store.audit(filter);
  }

  auditHead(): Promise<AuditHead> {
    return auditHead(this.#store);
  }

  verifyAudit(options: Parameters<typeof verifyAudit>[2] = {}): Promise<AuditVerification> {
    return verifyAudit(this.#store, this.#masterKey, options);
  }

  archiveAudit(options: ArchiveOptions): Promise<ArchiveOutcome> {
    return archiveAudit(this.#administration, options);
  }

  /** Everything under another master key; this keyring is of no use afterwards. */
  rewrap(next: MasterKey, onProgress: Progress = () => {}): Promise<void> {
    return rewrap(this.#administration, next, onProgress);
  }
}
