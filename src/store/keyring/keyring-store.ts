import { createSecretKey } from "node:crypto";
import type * as keyring from "../../keyring/index.ts";
import type { AuditEntry, KeyringStore, StoreOutcome } from "../../keyring/index.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import { first, type Program, run } from "../sql/program.ts";
import { addAccounts, reassign, removeAccount, setRecipientLimit, suspend } from "./account-changes.ts";
import { account, accounts, accountsWithKeysBefore, countAccounts, owner } from "./accounts.ts";
import { addAddress, addGrant, removeAddress, removeGrant } from "./addresses.ts";
import { archive, archivedUpTo, removeArchived } from "./audit-archive.ts";
import { type AuditLog, appendEntries, logged, type Work } from "./audit-log.ts";
import { audit } from "./audit-search.ts";
import { addCredential, changePassword, credentials, removeCredential } from "./credentials.ts";
import { addDomain, changeDomain, domain, domains, removeDomain } from "./domains.ts";
import { addEnrolment, enrolments, removeEnrolment } from "./enrolments.ts";
import { journal } from "./journal.ts";
import { replaceKeys, replaceKeysOfMany } from "./key-replacement.ts";
import { activeKey, key, keyHistory, markReleased, releasableKeys, revokeRetiredKey } from "./keys.ts";
import { SqlPublicKeyringStore } from "./public-keyring-store.ts";
import { rewrap } from "./rewrap.ts";
import { rights } from "./rights.ts";
import { recipientsUsed, use } from "./use.ts";

/** The keyring's store on whatever database the driver speaks to: names for the programs beside this file. */
export class SqlKeyringStore extends SqlPublicKeyringStore implements KeyringStore {
  readonly #auditLog: AuditLog;

  /** @param auditKey of the audit log's chain, from the master key */
  constructor(driver: SqlDriver, auditKey: Uint8Array) {
    super(driver);
    this.#auditLog = { auditKey: createSecretKey(auditKey), masterKeyCheck: null };
  }

  async bindMasterKey(check: string): Promise<string> {
    const bound =
      (await this.driver.read(masterKeyCheck())) ?? (await this.driver.change(bindMasterKey(check)));
    if (bound === check) this.#auditLog.masterKeyCheck = check;
    return bound;
  }

  decoySecret(): Promise<Uint8Array | null> {
    return this.driver.read(decoySecret());
  }

  rewrap(
    reseal: keyring.Reseal,
    next: keyring.NextMasterKey,
    entry: AuditEntry,
    onProgress: (done: number, of: number) => void,
  ): Promise<void> {
    return rewrap(this.driver, this.#auditLog, { reseal, next, entry }, onProgress);
  }

  domain(name: string): Promise<keyring.DomainRecord | null> {
    return this.driver.read(domain(name));
  }

  domains(): Promise<readonly keyring.DomainRecord[]> {
    return this.driver.read(domains());
  }

  addDomain(record: keyring.DomainRecord, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => addDomain(record, changed));
  }

  changeDomain(record: keyring.DomainRecord, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => changeDomain(record, changed));
  }

  removeDomain(name: string, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeDomain(name, changed));
  }

  addAccount(added: keyring.NewAccount, entry: AuditEntry): Promise<StoreOutcome> {
    return this.addAccounts([[added, entry]]);
  }

  addAccounts(added: readonly (readonly [keyring.NewAccount, AuditEntry])[]): Promise<StoreOutcome> {
    const records = added.map(([record]) => record);
    const entries = added.map(([, entry]) => entry);
    return this.driver.change(logged(this.#auditLog, entries, () => addAccounts(records)));
  }

  removeAccount(accountId: string, at: number, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeAccount(accountId, at, changed));
  }

  reassign(next: keyring.NewAccount, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => reassign(next, changed));
  }

  addAddress(accountId: string, address: string, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => addAddress(accountId, address, changed));
  }

  removeAddress(address: string, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeAddress(address, changed));
  }

  addGrant(accountId: string, grant: keyring.GrantRecord, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => addGrant(accountId, grant, changed));
  }

  removeGrant(accountId: string, grant: keyring.GrantRecord, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeGrant(accountId, grant, changed));
  }

  setRecipientLimit(accountId: string, limit: number | null, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => setRecipientLimit(accountId, limit, changed));
  }

  account(accountId: string): Promise<keyring.AccountRecord | null> {
    return this.driver.read(account(accountId));
  }

  accounts(page: keyring.AccountPage): Promise<readonly keyring.AccountRecord[]> {
    return this.driver.read(accounts(page));
  }

  countAccounts(domainName: string | null): Promise<number> {
    return this.driver.read(countAccounts(domainName));
  }

  rights(accountId: string): Promise<keyring.UserRights | null> {
    return this.driver.read(rights(accountId));
  }

  owner(address: string): Promise<keyring.AccountRecord | null> {
    return this.driver.read(owner(address));
  }

  credentials(address: string): ReturnType<KeyringStore["credentials"]> {
    return this.driver.read(credentials(address));
  }

  changePassword(change: keyring.PasswordChange, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => changePassword(change, changed));
  }

  addCredential(
    accountId: string,
    credential: keyring.CredentialRecord,
    keyLock: Uint8Array | null,
    entry: AuditEntry,
  ): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => addCredential(accountId, credential, keyLock, changed));
  }

  removeCredential(accountId: string, credentialId: string, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeCredential(accountId, credentialId, changed));
  }

  activeKey(accountId: string): ReturnType<KeyringStore["activeKey"]> {
    return this.driver.read(activeKey(accountId));
  }

  key(kid: string): Promise<keyring.KeyRecord | null> {
    return this.driver.read(key(kid));
  }

  keyHistory(accountId: string): Promise<readonly keyring.KeyRecord[]> {
    return this.driver.read(keyHistory(accountId));
  }

  suspend(accountId: string, at: number, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => suspend(accountId, at, changed));
  }

  replaceKeys(replacement: keyring.KeyReplacement, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => replaceKeys(replacement, changed));
  }

  replaceKeysOfMany(
    replacements: readonly (readonly [keyring.KeyReplacement, AuditEntry])[],
  ): Promise<readonly StoreOutcome[]> {
    return this.driver.change(replaceAndLog(this.#auditLog, replacements));
  }

  accountsWithKeysBefore(
    madeBefore: number,
    page: keyring.AccountPage,
  ): Promise<readonly keyring.AccountRecord[]> {
    return this.driver.read(accountsWithKeysBefore(madeBefore, page));
  }

  revokeRetiredKey(kid: string, at: number, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => revokeRetiredKey(kid, at, changed));
  }

  releasableKeys(now: number, limit: number): ReturnType<KeyringStore["releasableKeys"]> {
    return this.driver.read(releasableKeys(now, limit));
  }

  markReleased(kid: string, at: number, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => markReleased(kid, at, changed));
  }

  enrolments(): Promise<readonly keyring.EnrolmentRecord[]> {
    return this.driver.read(enrolments());
  }

  addEnrolment(enrolment: keyring.EnrolmentRecord, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => addEnrolment(enrolment, changed));
  }

  removeEnrolment(name: string, entry: AuditEntry): Promise<StoreOutcome> {
    return this.#change(entry, (changed) => removeEnrolment(name, changed));
  }

  async use(uses: readonly keyring.Use[]): Promise<readonly keyring.UseAnswer[]> {
    return uses.length === 0 ? [] : this.driver.change(use(this.#auditLog, uses));
  }

  recipientsUsed(accountId: string, periodMs: number, now: number): Promise<number> {
    return this.driver.read(recipientsUsed(accountId, periodMs, now));
  }

  audit(filter: keyring.AuditFilter): Promise<readonly keyring.AuditRecord[]> {
    return this.driver.read(audit(filter));
  }

  archivedUpTo(): Promise<number> {
    return this.driver.read(archivedUpTo());
  }

  archive(after: number, last: keyring.AuditHead, entry: AuditEntry): Promise<boolean> {
    return this.driver.change(archive(this.#auditLog, after, last, entry));
  }

  removeArchived(): Promise<number> {
    return this.driver.change(removeArchived());
  }

  #change(entry: AuditEntry, work: Work): Promise<StoreOutcome> {
    return this.driver.change(logged(this.#auditLog, [entry], work));
  }
}

function* masterKeyCheck(): Program<string | null> {
  return ((yield* first("SELECT master_key_check FROM head"))?.master_key_check ?? null) as string | null;
}

function* decoySecret(): Program<Uint8Array | null> {
  return ((yield* first("SELECT decoy_secret FROM head"))?.decoy_secret ?? null) as Uint8Array | null;
}

function* bindMasterKey(check: string): Program<Change<string>> {
  yield* run("UPDATE head SET master_key_check = ? WHERE master_key_check IS NULL", check);
  return { answer: (yield* masterKeyCheck()) ?? check, keep: true, subjects: new Set() };
}

function* replaceAndLog(
  log: AuditLog,
  replacements: readonly (readonly [keyring.KeyReplacement, AuditEntry])[],
): Program<Change<readonly StoreOutcome[]>> {
  const subjects = new Set<string>();
  const outcomes = yield* replaceKeysOfMany(
    replacements.map(([replacement]) => replacement),
    subjects,
  );
  yield* journal(subjects);
  const entries = replacements.flatMap(([, entry], index) => (outcomes[index] === "done" ? [entry] : []));
  if (entries.length > 0) yield* appendEntries(log, entries);
  return { answer: outcomes, keep: entries.length > 0, subjects };
}
