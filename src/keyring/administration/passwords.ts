import type { KeyObject } from "node:crypto";
import { newAppPassword, newPassword } from "../credentials/new-credential.ts";
import { openKeyLock } from "../credentials/open-key-lock.ts";
import { generateKeyLock } from "../key-lock.ts";
import type { AccountRecord, CredentialRecord } from "../records.ts";
import { mayWriteFrom, storedAddress } from "../rights.ts";
import type { Administration } from "./administration.ts";
import { draftReplacement } from "./keys.ts";
import { addressNames } from "./names.ts";
import { badPassword, type Outcome, refusal, result, wrongPassword } from "./outcome.ts";

/** Of an app password, for people. */
const NAME = /^[^\p{C}]{1,100}$/u;

/** What is shown of a credential: nothing that helps to guess it. */
export interface CredentialSummary
  extends Pick<
    CredentialRecord,
    "id" | "kind" | "name" | "addresses" | "createdAt" | "notAfter" | "lastUsedAt"
  > {
  readonly scram: boolean;
}

/** What a change of password did besides. */
export interface PasswordSet {
  /** The account's keys were under a key lock that nobody could open: it has a new lock, this key, no app passwords. */
  readonly rekeyed: { readonly kid: string } | null;
}

/**
 * Sets the account's password. Under a key lock the old password keeps everything as it is; without it the lock
 * cannot be opened, so that the account gets a new one with a new key, its older keys are revoked and app
 * passwords go.
 */
export async function setPassword(
  administration: Administration,
  accountId: string,
  password: string,
  { oldPassword }: { readonly oldPassword?: string },
): Promise<Outcome<PasswordSet>> {
  const account = await administration.store.account(accountId);
  if (account === null) return refusal("no-account", accountId);
  if (account.keyLock !== null && oldPassword === undefined) {
    const relocked = await relock(administration, account, password, "password reset", true);
    return relocked.ok ? { ok: true, rekeyed: { kid: relocked.kid } } : relocked;
  }
  let keyLock: KeyObject | null = null;
  if (account.keyLock !== null) {
    keyLock = await openWithPassword(administration, account, oldPassword ?? "");
    if (keyLock === null) return wrongPassword;
  }
  const at = administration.now();
  const { masterKey, scram } = administration;
  const credential = await newPassword(password, { accountId, at, masterKey, scram, keyLock });
  if (credential === null) return badPassword;
  const entry = administration.entryOf(account, "account.password");
  const change = { accountId, password: credential, keyLock: account.keyLock, relock: null, at };
  return result(await administration.store.changePassword(change, entry), account.primaryAddress, {
    rekeyed: null,
  });
}

/** Nobody can log in to the account any more, by no password. */
export async function clearPassword(administration: Administration, accountId: string): Promise<Outcome> {
  const account = await administration.store.account(accountId);
  if (account === null) return refusal("no-account", accountId);
  const entry = administration.entryOf(account, "account.password", { detail: "cleared" });
  const change = {
    accountId,
    password: null,
    keyLock: account.keyLock,
    relock: null,
    at: administration.now(),
  };
  return result(await administration.store.changePassword(change, entry), account.primaryAddress, {});
}

/**
 * Puts a key lock on or takes it off. Either way the account's key is replaced, since the old one is under the
 * other regime; app passwords go; and the password given is the account's from now on.
 */
export async function setKeyLock(
  administration: Administration,
  accountId: string,
  on: boolean,
  password: string,
): Promise<Outcome<{ kid: string }>> {
  const account = await administration.store.account(accountId);
  if (account === null) return refusal("no-account", accountId);
  return relock(administration, account, password, "key lock", on);
}

export interface AppPasswordOptions {
  /** For people: "phone". */
  readonly name: string;
  /** It may write From these only; null: whatever the account may. */
  readonly addresses?: readonly string[] | null;
  /** When it ends, Unix seconds; null: never. */
  readonly notAfter?: number | null;
  /** The account's password, which opens its key lock for the app password; needed where there is one. */
  readonly password?: string;
}

/** The secret is told this once. */
export async function addAppPassword(
  administration: Administration,
  accountId: string,
  { name, addresses: written = null, notAfter = null, password }: AppPasswordOptions,
): Promise<Outcome<{ id: string; secret: string }>> {
  const rights = await administration.store.rights(accountId);
  if (rights === null) return refusal("no-account", accountId);
  if (!NAME.test(name)) {
    return { ok: false, problem: "syntax", detail: `"${name}" is not a name: 1 to 100 printable characters` };
  }
  const { account } = rights;
  const names = written && addressNames(written);
  if (names !== null && !names.ok) return names;
  const addresses = names === null ? null : names.addresses;
  const foreign = addresses?.find((address) => !mayWriteFrom(rights, storedAddress(address)));
  if (foreign !== undefined) {
    const detail = `${account.primaryAddress} may not write From ${foreign}: grant it first`;
    return { ok: false, problem: "no-address", detail };
  }
  let keyLock: KeyObject | null = null;
  if (account.keyLock !== null) {
    if (password === undefined) {
      const detail = `${account.primaryAddress} has a key lock: its password is needed to open it`;
      return { ok: false, problem: "password-needed", detail };
    }
    keyLock = await openWithPassword(administration, account, password);
    if (keyLock === null) return wrongPassword;
  }
  const { masterKey } = administration;
  const at = administration.now();
  const { credential, secret } = await newAppPassword({
    accountId,
    at,
    masterKey,
    name,
    addresses,
    notAfter,
    keyLock,
  });
  const entry = administration.entryOf(account, "account.app-password.add", {
    detail: `${credential.id} ${name}`,
  });
  return result(
    await administration.store.addCredential(accountId, credential, account.keyLock, entry),
    account.primaryAddress,
    { id: credential.id, secret },
  );
}

export async function removeAppPassword(
  administration: Administration,
  accountId: string,
  credentialId: string,
): Promise<Outcome> {
  const account = await administration.store.account(accountId);
  if (account === null) return refusal("no-account", accountId);
  const entry = administration.entryOf(account, "account.app-password.remove", {
    detail: credentialId,
  });
  return result(
    await administration.store.removeCredential(accountId, credentialId, entry),
    credentialId,
    {},
  );
}

export async function credentials(
  administration: Administration,
  accountId: string,
): Promise<readonly CredentialSummary[]> {
  return (await credentialsOf(administration, accountId)).map(
    ({ id, kind, name, scram, addresses, createdAt, notAfter, lastUsedAt }) => ({
      id,
      kind,
      name,
      scram: scram !== null,
      addresses,
      createdAt,
      notAfter,
      lastUsedAt,
    }),
  );
}

/** A new lock, or none, with a new key under it and a password that opens it. */
async function relock(
  administration: Administration,
  account: AccountRecord,
  password: string,
  operation: "key lock" | "password reset",
  locked: boolean,
): Promise<Outcome<{ kid: string }>> {
  const { store, masterKey, scram } = administration;
  const lock = locked ? generateKeyLock() : null;
  const keyLock = lock?.publicKey ?? null;
  const at = administration.now();
  const credential = await newPassword(password, {
    accountId: account.id,
    at,
    masterKey,
    scram,
    keyLock: lock?.privateKey ?? null,
  });
  if (credential === null) return badPassword;
  const domain = await store.domain(storedAddress(account.primaryAddress).domain);
  const { replacement, entry } = await draftReplacement(administration, account, domain, operation, keyLock);
  const outcome = await store.changePassword(
    { accountId: account.id, password: credential, keyLock, relock: { keyLock, replacement }, at },
    entry,
  );
  return result(outcome, account.primaryAddress, { kid: replacement.newKey.kid });
}

/** Null when it is not the account's password. */
async function openWithPassword(
  administration: Administration,
  account: AccountRecord,
  password: string,
): Promise<KeyObject | null> {
  const [main] = await credentialsOf(administration, account.id);
  if (main?.kind !== "password") return null;
  return openKeyLock(main, password, { accountId: account.id, masterKey: administration.masterKey });
}

async function credentialsOf(
  { store }: Administration,
  accountId: string,
): Promise<readonly CredentialRecord[]> {
  const account = await store.account(accountId);
  const found = account && (await store.credentials(account.primaryAddress));
  return found?.account.id === accountId ? found.credentials : [];
}
