// SQL is written once, as programs: generators that yield a statement and are given what came of it. A driver runs
// them, SQLite's without leaving the event loop's turn, PostgreSQL's by waiting for each answer (decision 0060).

export type SqlValue = string | number | Uint8Array | null;

export interface Statement {
  /** With a `?` for each value. Texts are prepared and remembered: they must be few, so no value belongs in them. */
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

export type Row = Readonly<Record<string, unknown>>;

export interface Result {
  readonly rows: readonly Row[];
  /** Rows that were inserted, updated or deleted. */
  readonly changed: number;
}

export type Program<T> = Generator<Statement, T, Result>;

/** Runs a program, one statement after another. */
export async function runProgram<T>(
  program: Program<T>,
  execute: (statement: Statement) => Promise<Result>,
): Promise<T> {
  let step = program.next();
  while (!step.done) step = program.next(await execute(step.value));
  return step.value;
}

export function* all(sql: string, ...values: readonly SqlValue[]): Program<readonly Row[]> {
  return (yield { sql, values }).rows;
}

export function* first(sql: string, ...values: readonly SqlValue[]): Program<Row | null> {
  return (yield { sql, values }).rows[0] ?? null;
}

/** @returns the number of rows that changed */
export function* run(sql: string, ...values: readonly SqlValue[]): Program<number> {
  return (yield { sql, values }).changed;
}

/** Lists are cut into these lengths, so that a list of any length needs four prepared statements. */
const LENGTHS = [128, 16, 4, 1] as const;

function* pieces<T>(list: readonly T[]): Generator<readonly T[]> {
  let start = 0;
  for (const length of LENGTHS) {
    for (; list.length - start >= length; start += length) yield list.slice(start, start + length);
  }
}

const madeTuples = new Map<number, string>();

/** Which of few texts: `(?, ?), (?, ?)` for two rows of two. */
function tuples(rows: number, columns: number): string {
  const key = rows * 1024 + columns;
  let text = madeTuples.get(key);
  if (text === undefined) {
    text = Array(rows)
      .fill(`(${Array(columns).fill("?").join(", ")})`)
      .join(", ");
    madeTuples.set(key, text);
  }
  return text;
}

/**
 * Inserts many rows.
 *
 * @param into `INSERT INTO table (column, column)`
 * @param rest what follows the values, such as `ON CONFLICT DO NOTHING`
 * @returns how many were inserted
 */
export function* insertRows(
  into: string,
  rows: readonly (readonly SqlValue[])[],
  rest = "",
): Program<number> {
  let inserted = 0;
  for (const piece of pieces(rows)) inserted += (yield insertOf(into, piece, rest)).changed;
  return inserted;
}

/** The same, with `RETURNING` at the end of `rest`. @returns what was inserted */
export function* insertReturning(
  into: string,
  rows: readonly (readonly SqlValue[])[],
  rest: string,
): Program<readonly Row[]> {
  const inserted: Row[] = [];
  for (const piece of pieces(rows)) inserted.push(...(yield insertOf(into, piece, rest)).rows);
  return inserted;
}

function insertOf(into: string, rows: readonly (readonly SqlValue[])[], rest: string): Statement {
  return { sql: `${into} VALUES ${tuples(rows.length, rows[0]?.length ?? 0)} ${rest}`, values: rows.flat() };
}

/** All rows whose column is in a list. @param sql with `(*)` for the list; `before` are the values before it */
export function* allIn(
  sql: string,
  list: readonly SqlValue[],
  before: readonly SqlValue[] = [],
  after: readonly SqlValue[] = [],
): Program<readonly Row[]> {
  const rows: Row[] = [];
  for (const piece of pieces(list)) {
    const text = sql.replace("(*)", tuples(1, piece.length));
    rows.push(...(yield* all(text, ...before, ...piece, ...after)));
  }
  return rows;
}

/** Like {@link allIn}, for statements that change rows. @returns how many */
export function* runIn(
  sql: string,
  list: readonly SqlValue[],
  before: readonly SqlValue[] = [],
): Program<number> {
  let changed = 0;
  for (const piece of pieces(list)) {
    changed += yield* run(sql.replace("(*)", tuples(1, piece.length)), ...before, ...piece);
  }
  return changed;
}

/** The rows of one query for each of many lists of values. */
export function* allOfEach(sql: string, lists: readonly (readonly SqlValue[])[]): Program<readonly Row[]> {
  const rows: Row[] = [];
  for (const piece of pieces(lists)) {
    const text = piece.map(() => `SELECT * FROM (${sql}) AS part`).join(" UNION ALL ");
    rows.push(...(yield* all(text, ...piece.flat())));
  }
  return rows;
}
