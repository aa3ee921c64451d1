import type {
  KeyReason,
  KeyRecord,
  NewKey,
  PublicKeyRecord,
  SealedKeyPair,
  StoreOutcome,
} from "../../keyring/index.ts";
import { all, first, type Program, run, runIn, type SqlValue } from "../sql/program.ts";
import { KEY, keyOf, publicKeyOf } from "./rows.ts";

export const INSERT_KEY =
  "INSERT INTO key_pair (kid, account, algorithm, state, spki, sealed, not_before, state_since)";

export function keyRow(accountId: string, key: NewKey): SqlValue[] {
  return [key.kid, accountId, key.algorithm, "active", key.spki, key.sealed, key.notBefore, key.notBefore];
}

export function* activeKey(accountId: string): Program<(SealedKeyPair & PublicKeyRecord) | null> {
  const row = yield* first(
    `SELECT kid, algorithm, state, spki, sealed, not_before, not_after FROM key_pair
     WHERE account = ? AND state = 'active' ORDER BY sequence DESC LIMIT 1`,
    accountId,
  );
  return row && { ...publicKeyOf(row), sealed: row.sealed as Uint8Array };
}

export function* key(kid: string): Program<KeyRecord | null> {
  const row = yield* first(`SELECT ${KEY} FROM key_pair WHERE kid = ?`, kid);
  return row && keyOf(row);
}

export function* keyHistory(accountId: string): Program<readonly KeyRecord[]> {
  const rows = yield* all(`SELECT ${KEY} FROM key_pair WHERE account = ? ORDER BY sequence DESC`, accountId);
  return rows.map(keyOf);
}

/** Destroys private halves as well (LIF-17). The end of a key only ever comes nearer. */
const REVOKE = `UPDATE key_pair SET state = 'revoked', sealed = NULL, state_since = ?, reason = ?,
  not_after = CASE WHEN not_after < ? THEN not_after ELSE ? END`;

export function* revokeKeys(accountIds: readonly string[], at: number, reason: KeyReason): Program<void> {
  yield* runIn(`${REVOKE} WHERE state <> 'revoked' AND account IN (*)`, accountIds, [at, reason, at, at]);
}

export function* revokeRetiredKey(kid: string, at: number, changed: Set<string>): Program<StoreOutcome> {
  const found = yield* key(kid);
  if (found === null || found.state === "active") return "no-key";
  if (found.state === "revoked") return "revoked";
  const reason: KeyReason = "revocation";
  yield* run(`${REVOKE} WHERE kid = ?`, at, reason, at, at, kid);
  changed.add(found.accountId);
  return "done";
}

export function* releasableKeys(now: number, limit: number): Program<readonly (KeyRecord & SealedKeyPair)[]> {
  const rows = yield* all(
    `SELECT ${KEY}, sealed FROM key_pair
     WHERE state = 'retired' AND sealed IS NOT NULL AND not_after <= ? ORDER BY not_after, sequence LIMIT ?`,
    now,
    limit,
  );
  return rows.map((row) => ({ ...keyOf(row), sealed: row.sealed as Uint8Array }));
}

export function* markReleased(kid: string, at: number, changed: Set<string>): Program<StoreOutcome> {
  const found = yield* key(kid);
  if (found?.state === "revoked") return "revoked";
  // Until its end, mail that it signed must still be beyond doubt (LIF-18).
  if (!found?.hasPrivateKey || found.notAfter === null || found.notAfter > at) return "no-key";
  yield* run("UPDATE key_pair SET released_at = ?, sealed = NULL WHERE kid = ?", at, kid);
  changed.add(found.accountId);
  return "done";
}
