import type { RowLocks } from "../sql/dialect.ts";
import { type Program, run } from "../sql/program.ts";
import { HAS_LEASES } from "./leases.ts";

/** A failed destination is remembered so long after its rest: a probe may be under way. */
const REMEMBERED_MS = 3_600_000;

// Rows that others have at the moment are left out: they are in use, and nobody is made to wait for many.

/** Where no message waits; see the schema for what `due_at` says, also while others add some. */
export function* forgetEmptyDestinations(now: number, { skip }: RowLocks): Program<void> {
  const isEmpty = "due_at IS NULL AND rests_until <= ? AND (failures = 0 OR rests_until <= ?)";
  const times = [now, now - REMEMBERED_MS];
  yield* run(
    `DELETE FROM destination
     WHERE ${isEmpty} AND name IN (SELECT name FROM destination WHERE ${isEmpty} ${skip})`,
    ...times,
    ...times,
  );
}

export function* forgetGoneHolders(now: number, { skip }: RowLocks): Program<void> {
  const isGone = `until <= ? AND NOT ${HAS_LEASES}`;
  yield* run(
    `DELETE FROM lease_holder
     WHERE until <= ? AND owner IN (SELECT owner FROM lease_holder WHERE ${isGone} ${skip})`,
    now,
    now,
  );
}
