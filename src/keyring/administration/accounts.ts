import { newAccountId } from "../account-id.ts";
import type { AuditEntry } from "../audit/audit-entry.ts";
import { newPassword, passwordFromHash } from "../credentials/new-credential.ts";
import { generateKeyLock } from "../key-lock.ts";
import { generateAccountKey } from "../key-pair.ts";
import type { NewAccount, StoreOutcome } from "../keyring-store.ts";
import type { AccountRecord, CredentialRecord } from "../records.ts";
import type { Administration } from "./administration.ts";
import { type GrantOptions, parseGrant } from "./grant.ts";
import { addressName, addressNames } from "./names.ts";
import { badPassword, badPasswordHash, type Failure, type Outcome, refusal, result } from "./outcome.ts";

export interface NewAccountOptions {
  /** The primary address, as people write it. */
  readonly address: string;
  readonly aliases?: readonly string[];
  /** Without one nobody can log in: for role accounts. */
  readonly password?: string;
  /** Instead of it: its argon2id hash in PHC form, of accounts that come from another system. */
  readonly passwordHash?: string;
  /** Its private keys open with its own password only; so it needs one. */
  readonly keyLock?: boolean;
}

/** An account that was made, and its first key. */
export interface MadeAccount {
  readonly account: AccountRecord;
  readonly kid: string;
}

/** Makes an account and, before its first message, its key pair (LIF-6). */
export async function addAccount(
  administration: Administration,
  options: NewAccountOptions,
): Promise<Outcome<MadeAccount>> {
  const draft = await draftAccount(administration, options);
  if (!draft.ok) return draft;
  return made(await administration.store.addAccount(draft.account, draft.entry), draft.account);
}

/**
 * Another person gets the address, with a new account and a new key (LIF-19). Whoever has it as primary address is
 * removed; of an alias its owner loses the alias only.
 */
export async function reassign(
  administration: Administration,
  options: NewAccountOptions,
): Promise<Outcome<MadeAccount>> {
  const draft = await draftAccount(administration, options);
  if (!draft.ok) return draft;
  const previous = await administration.store.owner(draft.account.primaryAddress);
  if (previous === null) return refusal("no-address", draft.account.primaryAddress);
  const entry = { ...draft.entry, action: "account.reassign", detail: `before it was of ${previous.id}` };
  return made(await administration.store.reassign(draft.account, entry), draft.account);
}

export interface Draft {
  readonly ok: true;
  readonly account: NewAccount;
  readonly entry: AuditEntry;
}

export async function draftAccount(
  administration: Administration,
  { address, aliases = [], password, passwordHash, keyLock = false }: NewAccountOptions,
): Promise<Draft | Failure> {
  const names = addressNames([address, ...aliases]);
  if (!names.ok) return names;
  const [primaryAddress = "", ...otherAddresses] = names.addresses;
  if (keyLock && password === undefined) {
    return { ok: false, problem: "password-needed", detail: "a key lock opens with a password: give one" };
  }
  const { masterKey, scram } = administration;
  const id = newAccountId(administration.nowMs());
  const at = administration.now();
  const lock = keyLock ? generateKeyLock() : null;
  let credential: CredentialRecord | null = null;
  if (password !== undefined) {
    const opens = lock?.privateKey ?? null;
    credential = await newPassword(password, { accountId: id, at, masterKey, scram, keyLock: opens });
    if (credential === null) return badPassword;
  } else if (passwordHash !== undefined) {
    credential = passwordFromHash(passwordHash, at);
    if (credential === null) return badPasswordHash(primaryAddress);
  }
  const publicLock = lock?.publicKey ?? null;
  const key = await generateAccountKey({ id, keyLock: publicLock }, at, masterKey);
  return {
    ok: true,
    account: {
      id,
      primaryAddress,
      aliases: otherAddresses,
      password: credential,
      keyLock: publicLock,
      key,
      createdAt: at,
    },
    entry: administration.entry("account.add", { account: id, subject: primaryAddress, kid: key.kid }),
  };
}

function made(outcome: StoreOutcome, draft: NewAccount): Outcome<MadeAccount> {
  const { id, primaryAddress, keyLock, createdAt, key } = draft;
  const account: AccountRecord = {
    id,
    primaryAddress,
    state: "active",
    createdAt,
    stateSince: createdAt,
    recipientLimit: null,
    keyLock,
  };
  return result(outcome, primaryAddress, { account, kid: key.kid });
}

/** Only its history is left: keys are revoked, passwords, grants and addresses gone. */
export function removeAccount(administration: Administration, accountId: string): Promise<Outcome> {
  const { store } = administration;
  return changeAccount(administration, accountId, "account.remove", null, (entry) =>
    store.removeAccount(accountId, administration.now(), entry),
  );
}

export async function addAlias(
  administration: Administration,
  accountId: string,
  alias: string,
): Promise<Outcome> {
  const name = addressName(alias);
  if (!name.ok) return name;
  const entry = administration.entry("account.alias.add", { account: accountId, subject: name.address });
  return result(await administration.store.addAddress(accountId, name.address, entry), alias, {});
}

export async function removeAlias(administration: Administration, alias: string): Promise<Outcome> {
  const name = addressName(alias);
  if (!name.ok) return name;
  const owner = await administration.store.owner(name.address);
  const entry = administration.entry("account.alias.remove", {
    account: owner?.id ?? null,
    subject: name.address,
  });
  return result(await administration.store.removeAddress(name.address, entry), alias, {});
}

export async function grant(
  administration: Administration,
  accountId: string,
  options: GrantOptions,
): Promise<Outcome> {
  const parsed = parseGrant(options);
  if (!parsed.ok) return parsed;
  const entry = administration.entry("account.grant", grantDetails(accountId, options));
  return result(await administration.store.addGrant(accountId, parsed.grant, entry), options.target, {});
}

export async function withdraw(
  administration: Administration,
  accountId: string,
  options: GrantOptions,
): Promise<Outcome> {
  const parsed = parseGrant(options);
  if (!parsed.ok) return parsed;
  const entry = administration.entry("account.withdraw", grantDetails(accountId, options));
  return result(await administration.store.removeGrant(accountId, parsed.grant, entry), options.target, {});
}

/** @param limit recipients in a period, 0 for none; null: as the settings say (LIF-14) */
export function setRecipientLimit(
  administration: Administration,
  accountId: string,
  limit: number | null,
): Promise<Outcome> {
  const { store } = administration;
  const detail = limit === null ? "as the settings say" : `${limit} recipients`;
  return changeAccount(administration, accountId, "account.limit", detail, (entry) =>
    store.setRecipientLimit(accountId, limit, entry),
  );
}

/**
 * From now on the account can neither log in nor sign, and its keys answer `suspended` (LIF-10, LIF-11).
 *
 * @param reason for the audit log
 */
export function suspend(
  administration: Administration,
  accountId: string,
  reason: string | null,
): Promise<Outcome> {
  const { store } = administration;
  return changeAccount(administration, accountId, "account.suspend", reason, (entry) =>
    store.suspend(accountId, administration.now(), entry),
  );
}

function grantDetails(account: string, { kind, target }: GrantOptions): Partial<AuditEntry> {
  return { account, subject: target, detail: kind };
}

/** @param change of an account that is not there is for the store to refuse: its entry has the id alone */
async function changeAccount(
  administration: Administration,
  accountId: string,
  action: string,
  detail: string | null,
  change: (entry: AuditEntry) => Promise<StoreOutcome>,
): Promise<Outcome> {
  const account = await administration.store.account(accountId);
  const subject = account?.primaryAddress ?? null;
  const entry = administration.entry(action, { account: accountId, subject, detail });
  return result(await change(entry), subject ?? accountId, {});
}
