import type { AccountRecord, CredentialRecord, PasswordChange, StoreOutcome } from "../../keyring/index.ts";
import { all, insertRows, type Program, run, type SqlValue } from "../sql/program.ts";
import { liveAccount, sameLock } from "./accounts.ts";
import { replaceKeys } from "./key-replacement.ts";
import { ACCOUNT, accountOf, CREDENTIAL, credentialOf } from "./rows.ts";

export const INSERT_CREDENTIAL = `INSERT INTO credential (account, id, kind, name, hash, scram, lock_by_password,
  lock_by_scram, addresses, created_at, not_after, last_used_at)`;

export function credentialRow(accountId: string, credential: CredentialRecord): SqlValue[] {
  return [
    accountId,
    credential.id,
    credential.kind,
    credential.name,
    credential.hash,
    credential.scram,
    credential.lockByPassword,
    credential.lockByScram,
    credential.addresses === null ? null : JSON.stringify(credential.addresses),
    credential.createdAt,
    credential.notAfter,
    credential.lastUsedAt,
  ];
}

export function* credentials(
  address: string,
): Program<{ account: AccountRecord; credentials: readonly CredentialRecord[] } | null> {
  const rows = yield* all(
    `SELECT ${ACCOUNT}, ${CREDENTIAL}
     FROM address JOIN account ON account.id = address.account
     LEFT JOIN credential ON credential.account = account.id
     WHERE address.address = ?
     ORDER BY CASE credential.kind WHEN 'password' THEN 0 ELSE 1 END, credential.created_at, credential.id`,
    address,
  );
  const [row] = rows;
  if (row === undefined) return null;
  return { account: accountOf(row), credentials: row.credential === null ? [] : rows.map(credentialOf) };
}

export function* changePassword(change: PasswordChange, changed: Set<string>): Program<StoreOutcome> {
  const { accountId, password, keyLock, relock } = change;
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  changed.add(accountId);
  if (relock === null) {
    if (!sameLock(account.keyLock, keyLock)) return "relocked";
  } else {
    yield* run("UPDATE account SET key_lock = ? WHERE id = ?", relock.keyLock, accountId);
    const outcome = yield* replaceKeys(relock.replacement, changed);
    if (outcome !== "done") return outcome;
  }
  // Without a password nobody logs in, and what opened an old lock opens nothing any more.
  const appPasswordsStay = password !== null && relock === null;
  yield* run(
    `DELETE FROM credential WHERE account = ? ${appPasswordsStay ? "AND kind = 'password'" : ""}`,
    accountId,
  );
  if (password !== null) yield* insertRows(INSERT_CREDENTIAL, [credentialRow(accountId, password)]);
  return "done";
}

export function* addCredential(
  accountId: string,
  credential: CredentialRecord,
  keyLock: Uint8Array | null,
  changed: Set<string>,
): Program<StoreOutcome> {
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  if (!sameLock(account.keyLock, keyLock)) return "relocked";
  changed.add(accountId);
  const row = credentialRow(accountId, credential);
  const added = yield* insertRows(INSERT_CREDENTIAL, [row], "ON CONFLICT DO NOTHING");
  return added === 1 ? "done" : "exists";
}

export function* removeCredential(
  accountId: string,
  credentialId: string,
  changed: Set<string>,
): Program<StoreOutcome> {
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  changed.add(accountId);
  const removed = yield* run("DELETE FROM credential WHERE account = ? AND id = ?", accountId, credentialId);
  return removed === 1 ? "done" : "no-credential";
}
