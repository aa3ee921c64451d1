import { integer, text } from "../sql/columns.ts";
import { all, first, insertRows, type Program, run } from "../sql/program.ts";

// The journal tells other processes what they must forget. Its numbers rise in the order in which changes became
// visible, since changes are made one at a time. Only the last rows are kept: whoever is further behind forgets all.

const KEPT = 10_000;

export function* journal(subjects: ReadonlySet<string>): Program<void> {
  if (subjects.size === 0) return;
  yield* insertRows(
    "INSERT INTO change (subject)",
    Array.from(subjects, (subject) => [subject]),
  );
  yield* run("DELETE FROM change WHERE sequence <= (SELECT max(sequence) FROM change) - ?", KEPT);
}

export function* journalEnd(): Program<number> {
  const row = yield* first("SELECT coalesce(max(sequence), 0) AS sequence FROM change");
  return row === null ? 0 : integer(row, "sequence");
}

export interface JournalPart {
  readonly end: number;
  /** Null when rows after `start` may be gone. */
  readonly subjects: readonly string[] | null;
}

export function* journalAfter(start: number): Program<JournalPart> {
  const rows = yield* all("SELECT sequence, subject FROM change WHERE sequence > ? ORDER BY sequence", start);
  const last = rows.at(-1);
  if (last === undefined) return { end: start, subjects: [] };
  const end = integer(last, "sequence");
  return { end, subjects: end - start > KEPT ? null : rows.map((row) => text(row, "subject")) };
}
