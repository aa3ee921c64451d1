import type { AuditEntry, CredentialSecret, NextMasterKey, Reseal } from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import { all, first, type Program, type Row, run, type SqlValue } from "../sql/program.ts";
import { type AuditLog, appendEntries } from "./audit-log.ts";

/** Rows of one transaction: others who change something wait no longer than that takes. */
const BATCH = 512;
/** Rows of one UPDATE. */
const TOGETHER = 64;
/** The clocks of one installation agree to this. */
const CLOCKS_S = 86_400;

/** A column whose values are sealed under the master key. */
interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** The columns that name a row; all are text. */
  readonly key: readonly string[];
  readonly what: (row: Row) => Parameters<Reseal>[1];
  /** Rows that may have come after the work began. */
  readonly late: (begin: Begin) => { readonly condition: string; readonly values: readonly SqlValue[] };
}

interface Begin {
  /** The newest key. */
  readonly sequence: number;
  readonly at: number;
}

const KEYS: SealedColumn = {
  table: "key_pair",
  column: "sealed",
  key: ["kid"],
  what: (row) => ({ kind: "account-key", accountId: text(row, "account"), kid: text(row, "kid") }),
  late: ({ sequence }) => ({ condition: "sequence > ?", values: [sequence] }),
};
const STATEMENT_KEYS: SealedColumn = {
  table: "domain",
  column: "statement_sealed",
  key: ["name"],
  what: (row) => ({ kind: "statement-key", domain: text(row, "name") }),
  late: () => ({ condition: "name <> ''", values: [] }),
};
const credentials = (column: string, part: CredentialSecret): SealedColumn => ({
  table: "credential",
  column,
  key: ["account", "id"],
  what: (row) => ({ kind: "credential", accountId: text(row, "account"), part }),
  late: ({ at }) => ({ condition: "created_at >= ?", values: [at - CLOCKS_S] }),
});
const COLUMNS: readonly SealedColumn[] = [
  KEYS,
  STATEMENT_KEYS,
  credentials("scram", "scram"),
  credentials("lock_by_password", "lock-by-password"),
  credentials("lock_by_scram", "lock-by-scram"),
];

export interface RewrapOrder {
  readonly reseal: Reseal;
  readonly next: NextMasterKey;
  readonly entry: AuditEntry;
}

/**
 * Everything sealed, batch by batch; at the end, in one transaction, what was sealed meanwhile, and the check value.
 * From then on no process that has the old master key changes anything: see `appendEntries`.
 */
export async function rewrap(
  driver: SqlDriver,
  log: AuditLog,
  order: RewrapOrder,
  onProgress: (done: number, of: number) => void,
): Promise<void> {
  const { sequence, count } = await driver.read(measure());
  let done = 0;
  for (const column of COLUMNS) {
    let after: readonly string[] | null = column.key.map(() => "");
    while (after !== null) {
      const batch: Batch = await driver.change(resealBatch(column, after, order.reseal));
      done += batch.rows;
      after = batch.last;
      onProgress(done, Math.max(count, done));
    }
  }
  await driver.change(finish(log, { sequence, at: Math.floor(order.entry.at / 1000) }, order));
}

function* measure(): Program<{ sequence: number; count: number }> {
  let count = 0;
  for (const { table, column } of COLUMNS) {
    const row = yield* first(`SELECT count(*) AS n FROM ${table} WHERE ${column} IS NOT NULL`);
    count += row === null ? 0 : integer(row, "n");
  }
  const row = yield* first("SELECT coalesce(max(sequence), 0) AS sequence FROM key_pair");
  return { sequence: row === null ? 0 : integer(row, "sequence"), count };
}

interface Batch {
  readonly rows: number;
  /** The key of its last row; null when there are no more. */
  readonly last: readonly string[] | null;
}

function* resealBatch(
  sealed: SealedColumn,
  after: readonly string[],
  reseal: Reseal,
): Program<Change<Batch>> {
  const key = sealed.key.join(", ");
  const rows = yield* all(
    `SELECT * FROM ${sealed.table}
     WHERE ${sealed.column} IS NOT NULL AND (${key}) > (${sealed.key.map(() => "?").join(", ")})
     ORDER BY ${key} LIMIT ?`,
    ...after,
    BATCH,
  );
  yield* resealRows(sealed, rows, reseal);
  const last = rows.length === BATCH ? rows.at(-1) : undefined;
  const answer = { rows: rows.length, last: last ? sealed.key.map((column) => text(last, column)) : null };
  return { answer, keep: true, subjects: new Set() };
}

function* finish(log: AuditLog, begin: Begin, { reseal, next, entry }: RewrapOrder): Program<Change<void>> {
  for (const sealed of COLUMNS) {
    const { condition, values } = sealed.late(begin);
    const rows = yield* all(
      `SELECT * FROM ${sealed.table} WHERE ${sealed.column} IS NOT NULL AND ${condition}`,
      ...values,
    );
    yield* resealRows(sealed, rows, reseal);
  }
  yield* appendEntries(log, [entry]);
  yield* run("UPDATE head SET master_key_check = ?, decoy_secret = ?", next.check, next.decoySecret);
  return { answer: undefined, keep: true, subjects: new Set() };
}

/** One UPDATE for many rows: where the database is on another machine, a statement each would take hours. */
function* resealRows(
  { table, column, key, what }: SealedColumn,
  rows: readonly Row[],
  reseal: Reseal,
): Program<void> {
  const renewed = rows.flatMap((row) => {
    const value = reseal(row[column] as Uint8Array, what(row));
    return value === null ? [] : [{ key: key.map((name) => text(row, name)), value }];
  });
  for (let start = 0; start < renewed.length; start += TOGETHER) {
    const piece = renewed.slice(start, start + TOGETHER);
    const cases = piece.map(() => `WHEN ${key.map((name) => `${name} = ?`).join(" AND ")} THEN ?`);
    const keys = piece.map(() => `(${key.map(() => "?").join(", ")})`);
    yield* run(
      `UPDATE ${table} SET ${column} = CASE ${cases.join(" ")} ELSE ${column} END
       WHERE (${key.join(", ")}) IN (VALUES ${keys.join(", ")})`,
      ...piece.flatMap((row) => [...row.key, row.value]),
      ...piece.flatMap((row) => row.key),
    );
  }
}
