import type { QueueChange, SeenKey } from "../../queue/index.ts";
import { integer } from "../sql/columns.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { allIn, insertReturning, type Program, type Row, run, runIn } from "../sql/program.ts";
import { byOctets } from "./destinations.ts";

/**
 * Remembers the keys of changes, one change after another. Where another transaction has one, this one waits for it: of two
 * that come at a time one is first.
 *
 * @returns the changes of which a key was remembered already, or by a change before them: nothing of them is
 */
export function* remember(changes: readonly QueueChange[]): Program<ReadonlySet<QueueChange>> {
  const repeated = new Set<QueueChange>();
  const taken = new Set<string>();
  let open = changes.filter((change) => keysOf(change).length > 0);
  while (open.length > 0) {
    const claimed = new Set<string>();
    // Whether a change stands that has to wait for another is known when that one was tried.
    const now: QueueChange[] = [];
    const later: QueueChange[] = [];
    for (const change of open) {
      const names = keysOf(change).map(nameOf);
      (names.some((name) => claimed.has(name)) ? later : now).push(change);
      for (const name of names) claimed.add(name);
    }
    const inserted = yield* insertKeys(now.flatMap(keysOf));
    const refused = now.filter((change) => keysOf(change).some((key) => !inserted.has(nameOf(key))));
    for (const change of refused) repeated.add(change);
    yield* forget(refused.flatMap(keysOf).filter((key) => inserted.has(nameOf(key))));
    for (const change of now)
      if (!repeated.has(change)) for (const key of keysOf(change)) taken.add(nameOf(key));
    for (const change of later)
      if (keysOf(change).some((key) => taken.has(nameOf(key)))) repeated.add(change);
    open = later.filter((change) => !repeated.has(change));
  }
  return repeated;
}

/** @returns the names of those that were not there */
function* insertKeys(keys: readonly SeenKey[]): Program<ReadonlySet<string>> {
  // In one order in all processes, so that no two wait for each other.
  const sorted = [...keys].sort((a, b) => byOctets(nameOf(a), nameOf(b)));
  const rows = yield* insertReturning(
    "INSERT INTO seen (until, key)",
    sorted.map(({ until, key }) => [until, key]),
    "ON CONFLICT DO NOTHING RETURNING until, key",
  );
  return new Set(rows.map(nameOfRow));
}

export function* areSeen(keys: readonly SeenKey[]): Program<readonly boolean[]> {
  const found = new Set<string>();
  for (const [until, some] of byTime(keys)) {
    const rows = yield* allIn("SELECT until, key FROM seen WHERE until = ? AND key IN (*)", some, [until]);
    for (const row of rows) found.add(nameOfRow(row));
  }
  return keys.map((key) => found.has(nameOf(key)));
}

export function* forget(keys: readonly SeenKey[]): Program<void> {
  for (const [until, some] of byTime(keys)) {
    yield* runIn("DELETE FROM seen WHERE until = ? AND key IN (*)", some, [until]);
  }
}

/** Some of those whose time is over. @returns how many */
export function* forgetPast(now: number, limit: number, { skip }: RowLocks): Program<number> {
  return yield* run(
    `DELETE FROM seen WHERE (until, key) IN
       (SELECT until, key FROM seen WHERE until < ? ORDER BY until, key LIMIT ? ${skip})`,
    Math.floor(now / 1000),
    limit,
  );
}

function byTime(keys: readonly SeenKey[]): readonly (readonly [until: number, keys: Uint8Array[]])[] {
  const groups = Map.groupBy(keys, ({ until }) => until);
  return [...groups].map(([until, some]) => [until, some.map(({ key }) => key)]);
}

function nameOf({ until, key }: SeenKey): string {
  return `${until} ${Buffer.from(key).toString("hex")}`;
}

function nameOfRow(row: Row): string {
  return nameOf({ until: integer(row, "until"), key: row.key as Uint8Array });
}

function keysOf(change: QueueChange): readonly SeenKey[] {
  return change.kind === "insert" ? (change.seen ?? []) : [];
}
