import { type AuditEntry, type AuditHead, KeyringStoreError } from "../../keyring/index.ts";
import { integer } from "../sql/columns.ts";
import type { Change } from "../sql/driver.ts";
import { first, type Program, run } from "../sql/program.ts";
import { type AuditLog, appendEntries } from "./audit-log.ts";

/** Rows of one transaction: others who change something wait no longer than that takes. */
const BATCH = 1000;

export function* archivedUpTo(): Program<number> {
  const head = yield* first("SELECT archived_sequence FROM head");
  if (head === null)
    throw new KeyringStoreError("broken", "the row that changes are ordered by is missing: restore a backup");
  return integer(head, "archived_sequence");
}

/** The schema's rules let rows go after this, and refuse this without its entry. */
export function* archive(
  log: AuditLog,
  after: number,
  last: AuditHead,
  entry: AuditEntry,
): Program<Change<boolean>> {
  const row = yield* first("SELECT chain FROM audit WHERE sequence = ?", last.sequence);
  const isThere = row !== null && Buffer.compare(row.chain as Uint8Array, last.chain) === 0;
  if (!isThere || (yield* archivedUpTo()) !== after) {
    return { answer: false, keep: false, subjects: new Set() };
  }
  yield* appendEntries(log, [entry]);
  yield* run("UPDATE head SET archived_sequence = ?", last.sequence);
  return { answer: true, keep: true, subjects: new Set() };
}

export function* removeArchived(): Program<Change<number>> {
  const oldest = yield* first("SELECT sequence FROM audit ORDER BY sequence LIMIT 1");
  const start = oldest === null ? 0 : integer(oldest, "sequence");
  const end = Math.min(start + BATCH - 1, yield* archivedUpTo());
  const removed = yield* run("DELETE FROM audit WHERE sequence BETWEEN ? AND ?", start, end);
  return { answer: removed, keep: removed > 0, subjects: new Set() };
}
