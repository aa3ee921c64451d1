import { type GrantRecord, MAX_GRANTS, type StoreOutcome, storedAddress } from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, first, type Program, run } from "../sql/program.ts";
import { liveAccount } from "./accounts.ts";

export function* addAddress(accountId: string, address: string, changed: Set<string>): Program<StoreOutcome> {
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  const { domain } = storedAddress(address);
  if (!(yield* isHosted(domain))) return "not-hosted";
  const added = yield* run(
    "INSERT INTO address (address, domain, account, is_primary) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING",
    address,
    domain,
    accountId,
  );
  changed.add(accountId);
  return added === 1 ? "done" : "address-taken";
}

export function* removeAddress(address: string, changed: Set<string>): Program<StoreOutcome> {
  const row = yield* first("SELECT account, is_primary FROM address WHERE address = ?", address);
  if (row === null) return "no-address";
  if (row.is_primary === 1) return "primary";
  yield* forgetGrantHolders(address, changed);
  yield* run("DELETE FROM address WHERE address = ?", address);
  changed.add(text(row, "account"));
  return "done";
}

export function* addGrant(
  accountId: string,
  { kind, target }: GrantRecord,
  changed: Set<string>,
): Program<StoreOutcome> {
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  const { address, domain } = columnsOf(target);
  if (!(yield* isHosted(domain))) return "not-hosted";
  if (address !== null && !(yield* first("SELECT 1 FROM address WHERE address = ?", address)))
    return "no-address";
  const added = yield* run(
    "INSERT INTO grant_held (account, kind, address, domain) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    accountId,
    kind,
    address,
    domain,
  );
  if (added === 0) return "exists";
  changed.add(accountId);
  const held = yield* first(
    "SELECT count(DISTINCT address) AS n FROM grant_held WHERE account = ? AND domain = ?",
    accountId,
    domain,
  );
  return held && integer(held, "n") > MAX_GRANTS ? "too-many" : "done";
}

export function* removeGrant(
  accountId: string,
  { kind, target }: GrantRecord,
  changed: Set<string>,
): Program<StoreOutcome> {
  const account = yield* liveAccount(accountId);
  if (typeof account === "string") return account;
  const { address, domain } = columnsOf(target);
  const removed = yield* run(
    `DELETE FROM grant_held
     WHERE account = ? AND kind = ? AND domain = ? AND coalesce(address, '') = ?`,
    accountId,
    kind,
    domain,
    address ?? "",
  );
  changed.add(accountId);
  return removed === 1 ? "done" : "no-address";
}

/** Grants go with the address that they name: whoever holds one has other rights from now on. */
export function* forgetGrantHolders(address: string, changed: Set<string>): Program<void> {
  for (const row of yield* all("SELECT DISTINCT account FROM grant_held WHERE address = ?", address)) {
    changed.add(text(row, "account"));
  }
}

function* isHosted(domain: string): Program<boolean> {
  return (yield* first("SELECT 1 FROM domain WHERE name = ?", domain)) !== null;
}

function columnsOf(target: GrantRecord["target"]): { address: string | null; domain: string } {
  return "address" in target
    ? { address: target.address, domain: storedAddress(target.address).domain }
    : { address: null, domain: target.domain };
}
