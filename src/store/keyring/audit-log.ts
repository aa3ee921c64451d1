import type { KeyObject } from "node:crypto";
import {
  type AuditEntry,
  auditChain,
  auditFields,
  KeyringStoreError,
  type StoreOutcome,
} from "../../keyring/index.ts";
import { integer } from "../sql/columns.ts";
import type { Change } from "../sql/driver.ts";
import { first, insertRows, type Program, run } from "../sql/program.ts";
import { journal } from "./journal.ts";

/** What writing the log needs: the key of its chain, and which master key may change anything. */
export interface AuditLog {
  readonly auditKey: KeyObject;
  /** Check value of the master key in use; null before it is known. */
  masterKeyCheck: string | null;
}

/** A change that may be refused. It adds to `changed` the accounts and domains whose caches must go. */
export type Work = (changed: Set<string>) => Program<StoreOutcome>;

/** Everything that an administrative change does, with its entry; a refused one is to leave no trace. */
export function* logged(
  log: AuditLog,
  entries: readonly AuditEntry[],
  work: Work,
): Program<Change<StoreOutcome>> {
  const subjects = new Set<string>();
  const outcome = yield* work(subjects);
  if (outcome !== "done") return { answer: outcome, keep: false, subjects: new Set() };
  yield* journal(subjects);
  yield* appendEntries(log, entries);
  return { answer: outcome, keep: true, subjects };
}

export function* appendEntries(log: AuditLog, entries: readonly AuditEntry[]): Program<void> {
  const head = yield* first("SELECT audit_sequence, audit_chain, master_key_check FROM head");
  if (head === null)
    throw new KeyringStoreError("broken", "the row that changes are ordered by is missing: restore a backup");
  if (log.masterKeyCheck !== null && log.masterKeyCheck !== head.master_key_check) {
    throw new KeyringStoreError(
      "broken",
      "the master key was changed; restart this process with the new one",
    );
  }
  let sequence = integer(head, "audit_sequence");
  let chain = head.audit_chain as Uint8Array;
  const rows = entries.map((entry) => {
    chain = auditChain(log.auditKey, chain, entry);
    return [++sequence, ...auditFields(entry), chain];
  });
  yield* insertRows(
    `INSERT INTO audit (sequence, at, actor, action, account, subject, kid, message_id_hash, recipients, client,
       outcome, detail, chain)`,
    rows,
  );
  yield* run("UPDATE head SET audit_sequence = ?, audit_chain = ?", sequence, chain);
}
