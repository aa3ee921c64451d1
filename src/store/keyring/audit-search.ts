import type { AuditFilter, AuditRecord } from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, first, type Program, type SqlValue } from "../sql/program.ts";
import { auditRecordOf } from "./rows.ts";
import { IS_ACT, USES } from "./schema.ts";

// Among hundreds of millions of entries, each question reads a part of one index in the order of the answer: that of
// the account, that of the act, or the numbers between which the time lies. `+at` keeps planners from reading the index
// by time instead, and sorting what it gives.

/** Clocks that write one log agree to this. */
const CLOCKS_MS = 3_600_000;

export function* audit(filter: AuditFilter): Program<readonly AuditRecord[]> {
  const { account, action, limit, newest = false } = filter;
  const conditions = yield* common(filter);
  if (account !== undefined) conditions.push(["account = ?", account]);
  if (action === undefined) return yield* select(conditions, filter);
  // Whatever begins with `key.` stands between it and `key/`.
  const kind = [action, `${action}.`, `${action}/`];
  if (account !== undefined) {
    return yield* select([...conditions, ["(action = ? OR (action > ? AND action < ?))", ...kind]], filter);
  }
  if (isUse(action)) return yield* select([...conditions, ["action = ?", action]], filter);
  const found: AuditRecord[] = [];
  for (const act of yield* actsOf(action)) {
    found.push(...(yield* select([...conditions, [`action = ? AND ${IS_ACT}`, act]], filter)));
  }
  found.sort((left, right) => left.sequence - right.sequence);
  return newest ? found.slice(-limit) : found.slice(0, limit);
}

type Condition = readonly [sql: string, ...values: SqlValue[]];

function* common({ after, since, until, outcome }: AuditFilter): Program<Condition[]> {
  const conditions: Condition[] = [];
  const start = since === undefined ? null : yield* numberBefore(since);
  const lowest = Math.max(after ?? 0, start ?? 0);
  if (lowest > 0) conditions.push(["sequence > ?", lowest]);
  const end = until === undefined ? null : yield* numberAfter(until);
  if (end !== null) conditions.push(["sequence < ?", end]);
  if (since !== undefined) conditions.push(["+at >= ?", since]);
  if (until !== undefined) conditions.push(["+at <= ?", until]);
  if (outcome !== undefined) conditions.push(["outcome = ?", outcome]);
  return conditions;
}

function* select(
  conditions: readonly Condition[],
  { limit, newest = false }: AuditFilter,
): Program<readonly AuditRecord[]> {
  const where = conditions.map(([sql]) => sql).join(" AND ");
  const rows = yield* all(
    `SELECT * FROM audit ${where === "" ? "" : `WHERE ${where}`}
     ORDER BY sequence ${newest ? "DESC" : "ASC"} LIMIT ?`,
    ...conditions.flatMap(([, ...values]) => values),
    limit,
  );
  const records = rows.map(auditRecordOf);
  return newest ? records.reverse() : records;
}

/** An entry that was certainly written before this time, near to it. */
function* numberBefore(time: number): Program<number | null> {
  const row = yield* first(
    "SELECT sequence FROM audit WHERE at < ? ORDER BY at DESC LIMIT 1",
    time - CLOCKS_MS,
  );
  return row === null ? null : integer(row, "sequence");
}

function* numberAfter(time: number): Program<number | null> {
  const row = yield* first("SELECT sequence FROM audit WHERE at > ? ORDER BY at LIMIT 1", time + CLOCKS_MS);
  return row === null ? null : integer(row, "sequence");
}

/** The acts of a kind that are in the log, by one look at the index each. */
function* actsOf(kind: string): Program<readonly string[]> {
  const acts = [kind];
  for (let last = `${kind}.`; ; ) {
    const row = yield* first(
      `SELECT action FROM audit WHERE action > ? AND action < ? AND ${IS_ACT} ORDER BY action LIMIT 1`,
      last,
      `${kind}/`,
    );
    if (row === null) return acts;
    last = text(row, "action");
    acts.push(last);
  }
}

function isUse(action: string): boolean {
  return USES.some((use) => use === action);
}
