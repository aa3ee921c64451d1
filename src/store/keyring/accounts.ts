import type { AccountPage, AccountRecord } from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, first, type Program } from "../sql/program.ts";
import { ACCOUNT, accountOf } from "./rows.ts";

export function* account(id: string): Program<AccountRecord | null> {
  const row = yield* first(`SELECT ${ACCOUNT} FROM account WHERE id = ?`, id);
  return row && accountOf(row);
}

/** An account that a change may be made to. */
export function* liveAccount(id: string): Program<AccountRecord | "no-account" | "removed"> {
  const found = yield* account(id);
  if (found === null) return "no-account";
  return found.state === "removed" ? "removed" : found;
}

export function* owner(address: string): Program<AccountRecord | null> {
  const row = yield* first(
    `SELECT ${ACCOUNT} FROM address JOIN account ON account.id = address.account WHERE address.address = ?`,
    address,
  );
  return row && accountOf(row);
}

export function* countAccounts(domain: string | null): Program<number> {
  const row = yield* domain === null
    ? first("SELECT count(*) AS n FROM account WHERE state <> 'removed'")
    : first("SELECT count(*) AS n FROM address WHERE domain = ? AND is_primary = 1", domain);
  return row === null ? 0 : integer(row, "n");
}

export function accounts(page: AccountPage): Program<readonly AccountRecord[]> {
  return page.state === "removed" ? removedAccounts(page) : liveAccounts(page, "", []);
}

export function accountsWithKeysBefore(
  madeBefore: number,
  page: AccountPage,
): Program<readonly AccountRecord[]> {
  const hasOldKey = `AND EXISTS (
    SELECT 1 FROM key_pair WHERE key_pair.account = account.id AND key_pair.state = 'active' AND not_before < ?)`;
  return liveAccounts(page, hasOldKey, [madeBefore]);
}

function* liveAccounts(
  { domain, after, limit, state }: AccountPage,
  condition: string,
  values: readonly number[],
): Program<readonly AccountRecord[]> {
  const rows = yield* all(
    `SELECT ${ACCOUNT} FROM address JOIN account ON account.id = address.account
     WHERE is_primary = 1 AND address.address > ? ${domain === null ? "" : "AND domain = ?"}
       ${state === undefined ? "" : "AND account.state = ?"} ${condition}
     ORDER BY address.address LIMIT ?`,
    after ?? "",
    ...(domain === null ? [] : [domain]),
    ...(state === undefined ? [] : [state]),
    ...values,
    limit,
  );
  return rows.map(accountOf);
}

/** Several of them may have had one address: a page ends with the last of these, even if it grows by that. */
function* removedAccounts({ domain, after, limit }: AccountPage): Program<readonly AccountRecord[]> {
  const removed = `SELECT ${ACCOUNT} FROM account WHERE state = 'removed'`;
  const inDomain = domain === null ? "" : "AND primary_address LIKE ? ESCAPE '\\'";
  const pattern = domain === null ? [] : [`%@${domain.replace(/[\\%_]/g, "\\$&")}`];
  const rows = yield* all(
    `${removed} AND primary_address > ? ${inDomain} ORDER BY primary_address, id LIMIT ?`,
    after ?? "",
    ...pattern,
    limit,
  );
  const last = rows.length === limit ? rows.at(-1) : undefined;
  const rest = last
    ? yield* all(
        `${removed} AND primary_address = ? AND id > ? ORDER BY id`,
        text(last, "primary_address"),
        text(last, "id"),
      )
    : [];
  return [...rows, ...rest].map(accountOf);
}

/** Whether two values of `keyLock` mean the same lock, or both none. */
export function sameLock(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
