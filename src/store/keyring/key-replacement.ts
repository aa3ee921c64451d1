import type { AccountRecord, KeyReplacement, Refusal, StoreOutcome } from "../../keyring/index.ts";
import { text } from "../sql/columns.ts";
import { allIn, insertRows, type Program, runIn } from "../sql/program.ts";
import { sameLock } from "./accounts.ts";
import { INSERT_KEY, keyRow, revokeKeys } from "./keys.ts";
import { ACCOUNT, accountOf } from "./rows.ts";

/** Most replacements that are worked on with the same statements. */
const TOGETHER = 128;

export function* replaceKeys(replacement: KeyReplacement, changed: Set<string>): Program<StoreOutcome> {
  const [outcome = "no-account"] = yield* replaceKeysOfMany([replacement], changed);
  return outcome;
}

/** Decides about each before anything of it happens, so that a refused one leaves nothing while the others change. */
export function* replaceKeysOfMany(
  replacements: readonly KeyReplacement[],
  changed: Set<string>,
): Program<readonly StoreOutcome[]> {
  const outcomes: StoreOutcome[] = [];
  for (const group of independentGroups(replacements)) {
    const refusals = yield* refusalsOf(group);
    yield* replace(group.filter((_, index) => refusals[index] === null));
    group.forEach(({ accountId }, index) => {
      const refusal = refusals[index] ?? null;
      outcomes.push(refusal ?? "done");
      if (refusal === null) changed.add(accountId);
    });
  }
  return outcomes;
}

/** Groups in which no account and no key comes twice. */
function independentGroups(replacements: readonly KeyReplacement[]): KeyReplacement[][] {
  const groups: KeyReplacement[][] = [];
  let group: KeyReplacement[] = [];
  let seen = new Set<string>();
  for (const replacement of replacements) {
    const { accountId, newKey } = replacement;
    const names = [accountId, newKey.kid, Buffer.from(newKey.spki).toString("hex")];
    if (group.length === 0 || group.length === TOGETHER || names.some((name) => seen.has(name))) {
      group = [];
      seen = new Set();
      groups.push(group);
    }
    group.push(replacement);
    for (const name of names) seen.add(name);
  }
  return groups;
}

function* refusalsOf(group: readonly KeyReplacement[]): Program<(Refusal | null)[]> {
  const ids = group.map(({ accountId }) => accountId);
  const accounts = new Map<string, AccountRecord>();
  for (const row of yield* allIn(`SELECT ${ACCOUNT} FROM account WHERE id IN (*)`, ids)) {
    accounts.set(text(row, "id"), accountOf(row));
  }
  const kids = group.map(({ newKey }) => newKey.kid);
  const spkis = group.map(({ newKey }) => newKey.spki);
  const held = new Set<string>();
  for (const row of yield* allIn("SELECT kid FROM key_pair WHERE kid IN (*)", kids))
    held.add(text(row, "kid"));
  for (const row of yield* allIn("SELECT spki FROM key_pair WHERE spki IN (*)", spkis)) {
    const spki = row.spki as Uint8Array;
    for (const { newKey } of group) if (Buffer.compare(newKey.spki, spki) === 0) held.add(newKey.kid);
  }
  return group.map(({ accountId, newKey, requiredState }) => {
    const account = accounts.get(accountId);
    if (account === undefined) return "no-account";
    if (account.state === "removed") return "removed";
    if (account.state !== requiredState) return account.state === "suspended" ? "suspended" : "not-suspended";
    if (!sameLock(account.keyLock, newKey.keyLock)) return "relocked";
    return held.has(newKey.kid) ? "key-taken" : null;
  });
}

function* replace(accepted: readonly KeyReplacement[]): Program<void> {
  for (const alike of groupsAlike(accepted)) {
    const { oldKeys, at, reason, stateAfter } = alike[0] as KeyReplacement;
    const ids = alike.map(({ accountId }) => accountId);
    if (oldKeys.become === "revoked") yield* revokeKeys(ids, at, reason);
    else {
      // A key that leaves `active` loses its private half, unless that is to be released (LIF-17, LIF-18).
      yield* runIn(
        `UPDATE key_pair SET state = 'retired', not_after = ?, state_since = ?, reason = ?
           ${oldKeys.keepPrivateKey ? "" : ", sealed = NULL"}
         WHERE state = 'active' AND account IN (*)`,
        ids,
        [oldKeys.notAfter, at, reason],
      );
    }
    yield* runIn("UPDATE account SET state = ?, state_since = ? WHERE state <> ? AND id IN (*)", ids, [
      stateAfter,
      at,
      stateAfter,
    ]);
  }
  yield* insertRows(
    INSERT_KEY,
    accepted.map(({ accountId, newKey }) => keyRow(accountId, newKey)),
  );
}

/** Those that do the same to accounts and old keys at the same time. */
function groupsAlike(replacements: readonly KeyReplacement[]): Iterable<KeyReplacement[]> {
  const groups = new Map<string, KeyReplacement[]>();
  for (const replacement of replacements) {
    const what = JSON.stringify([
      replacement.oldKeys,
      replacement.stateAfter,
      replacement.at,
      replacement.reason,
    ]);
    const group = groups.get(what);
    if (group) group.push(replacement);
    else groups.set(what, [replacement]);
  }
  return groups.values();
}
