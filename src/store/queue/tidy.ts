import { type Program, run } from "../sql/program.ts";

/** A failed destination is remembered so long after its rest: a probe may be under way. */
const REMEMBERED_MS = 3_600_000;

/** Where no message waits; see the schema for what `due_at` says, also while others add some. */
export function* forgetEmptyDestinations(now: number): Program<void> {
  yield* run(
    "DELETE FROM destination WHERE due_at IS NULL AND rests_until <= ? AND (failures = 0 OR rests_until <= ?)",
    now,
    now - REMEMBERED_MS,
  );
}

export function* forgetGoneHolders(now: number): Program<void> {
  yield* run(
    `DELETE FROM lease_holder WHERE until <= ? AND NOT EXISTS (
       SELECT 1 FROM message WHERE state = 'leased' AND lease_owner = lease_holder.owner)`,
    now,
  );
}
