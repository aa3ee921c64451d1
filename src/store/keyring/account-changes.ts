import { type NewAccount, type StoreOutcome, storedAddress } from "../../keyring/index.ts";
import { text } from "../sql/columns.ts";
import { all, allIn, insertRows, type Program, run } from "../sql/program.ts";
import { liveAccount, owner, sameLock } from "./accounts.ts";
import { forgetGrantHolders } from "./addresses.ts";
import { credentialRow, INSERT_CREDENTIAL } from "./credentials.ts";
import { INSERT_KEY, keyRow, revokeKeys } from "./keys.ts";

/** Adds many with few statements. Nothing is told of it: nobody can remember anything of a new account. */
export function* addAccounts(added: readonly NewAccount[]): Program<StoreOutcome> {
  const domains = new Set<string>();
  const addresses = added.flatMap(({ id, primaryAddress, aliases }) =>
    [primaryAddress, ...aliases].map((address) => {
      const { domain } = storedAddress(address);
      domains.add(domain);
      return [address, domain, id, address === primaryAddress ? 1 : 0];
    }),
  );
  const hosted = yield* allIn("SELECT name FROM domain WHERE name IN (*)", [...domains]);
  if (hosted.length < domains.size) return "not-hosted";
  if (added.some(({ key, keyLock }) => !sameLock(key.keyLock, keyLock))) return "relocked";
  const accounts = added.map(({ id, primaryAddress, createdAt, keyLock }) => [
    id,
    primaryAddress,
    "active",
    createdAt,
    createdAt,
    keyLock,
  ]);
  const insertAccount = "INSERT INTO account (id, primary_address, state, created_at, state_since, key_lock)";
  const ifNew = "ON CONFLICT DO NOTHING";
  if ((yield* insertRows(insertAccount, accounts, ifNew)) < accounts.length) return "exists";
  const insertAddress = "INSERT INTO address (address, domain, account, is_primary)";
  if ((yield* insertRows(insertAddress, addresses, ifNew)) < addresses.length) return "address-taken";
  const keys = added.map(({ id, key }) => keyRow(id, key));
  if ((yield* insertRows(INSERT_KEY, keys, ifNew)) < keys.length) return "key-taken";
  yield* insertRows(
    INSERT_CREDENTIAL,
    added.flatMap(({ id, password }) => (password === null ? [] : [credentialRow(id, password)])),
  );
  return "done";
}

export function* suspend(id: string, at: number, changed: Set<string>): Program<StoreOutcome> {
  const found = yield* liveAccount(id);
  if (typeof found === "string") return found;
  if (found.state === "suspended") return "suspended";
  yield* run("UPDATE account SET state = 'suspended', state_since = ? WHERE id = ?", at, id);
  changed.add(id);
  return "done";
}

export function* removeAccount(id: string, at: number, changed: Set<string>): Program<StoreOutcome> {
  const found = yield* liveAccount(id);
  if (typeof found === "string") return found;
  for (const row of yield* all("SELECT address FROM address WHERE account = ?", id)) {
    yield* forgetGrantHolders(text(row, "address"), changed);
  }
  for (const table of ["grant_held", "address", "credential", "recipient_use"]) {
    yield* run(`DELETE FROM ${table} WHERE account = ?`, id);
  }
  yield* revokeKeys([id], at, "removal");
  yield* run("UPDATE account SET state = 'removed', state_since = ?, key_lock = NULL WHERE id = ?", at, id);
  changed.add(id);
  return "done";
}

/** LIF-19: who had the address keeps nothing of it, and who gets it starts with a key of its own. */
export function* reassign(next: NewAccount, changed: Set<string>): Program<StoreOutcome> {
  const address = next.primaryAddress;
  const before = yield* owner(address);
  if (before === null) return "no-address";
  if (before.primaryAddress === address) yield* removeAccount(before.id, next.createdAt, changed);
  else {
    yield* forgetGrantHolders(address, changed);
    yield* run("DELETE FROM address WHERE address = ?", address);
    changed.add(before.id);
  }
  return yield* addAccounts([next]);
}

export function* setRecipientLimit(
  id: string,
  limit: number | null,
  changed: Set<string>,
): Program<StoreOutcome> {
  const found = yield* liveAccount(id);
  if (typeof found === "string") return found;
  yield* run("UPDATE account SET recipient_limit = ? WHERE id = ?", limit, id);
  changed.add(id);
  return "done";
}
