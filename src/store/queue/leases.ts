import type { RowLocks } from "../sql/dialect.ts";
import { all, allIn, first, type Program, type Row, run, runIn } from "../sql/program.ts";
import { DestinationChanges } from "./destinations.ts";
import { deleteMessages, type Ended, lockMessages } from "./messages.ts";
import { FATE } from "./rows.ts";

/** So many leases that ran out end in one transaction. */
const ENDED_AT_A_TIME = 1_000;

/** When each kind of work comes next, Unix milliseconds; null: never as it stands. */
export interface NextTimes {
  /** A lease of somebody else runs out. */
  readonly leaseEndsAt: number | null;
  readonly attentionAt: number | null;
  readonly destinationReadyAt: number | null;
}

/** Not EXISTS, which PostgreSQL would answer by reading all leases of all holders. */
export const HAS_LEASES =
  "(SELECT 1 FROM message WHERE state = 'leased' AND lease_owner = lease_holder.owner LIMIT 1) IS NOT NULL";

export function* nextTimes(exceptOwner: string | null): Program<NextTimes> {
  const row = yield* first(
    `SELECT (SELECT min(until) FROM lease_holder WHERE owner <> ? AND ${HAS_LEASES}) AS lease_ends_at,
            (SELECT min(wake_at) FROM message WHERE state = 'queued') AS attention_at,
            (SELECT min(ready_at) FROM destination WHERE ready_at IS NOT NULL) AS ready_at`,
    // No owner's name is empty.
    exceptOwner ?? "",
  );
  return {
    leaseEndsAt: (row?.lease_ends_at ?? null) as number | null,
    attentionAt: (row?.attention_at ?? null) as number | null,
    destinationReadyAt: (row?.ready_at ?? null) as number | null,
  };
}

export function* leaseOwners(): Program<readonly string[]> {
  const rows = yield* all(`SELECT owner FROM lease_holder WHERE ${HAS_LEASES} ORDER BY owner`);
  return rows.map(({ owner }) => owner as string);
}

export function* renew(owner: string, until: number): Program<void> {
  yield* run("UPDATE lease_holder SET until = ? WHERE owner = ? AND until < ?", until, owner, until);
}

/** Gives back what these hold, and does what was ordered meanwhile. */
export function* release(owners: readonly string[], now: number, locks: RowLocks): Program<Ended> {
  const held = yield* allIn("SELECT id FROM message WHERE state = 'leased' AND lease_owner IN (*)", owners);
  const rows = yield* lockMessages(
    held.map(({ id }) => id as string),
    locks,
  );
  const theirs = rows.filter(({ lease_owner: owner }) => owners.includes(owner as string));
  return yield* endLeases(theirs, now);
}

/** The same for some of those whose holders gave no sign of life. */
export function* endLostLeases(exceptOwner: string, now: number, locks: RowLocks): Program<Ended> {
  const lost = yield* all("SELECT owner FROM lease_holder WHERE until <= ? AND owner <> ?", now, exceptOwner);
  const rows: Row[] = [];
  for (const { owner } of lost) {
    const some = yield* all(
      `SELECT ${FATE} FROM message WHERE state = 'leased' AND lease_owner = ? LIMIT ? ${locks.skip}`,
      owner as string,
      ENDED_AT_A_TIME - rows.length,
    );
    rows.push(...some);
    if (rows.length === ENDED_AT_A_TIME) break;
  }
  return yield* endLeases(rows, now);
}

function* endLeases(rows: readonly Row[], now: number): Program<Ended> {
  const ordered = Map.groupBy(rows, (row) => row.pending_order as "hold" | "bounce" | "remove" | null);
  const idsOf = (order: "hold" | "bounce" | null): string[] =>
    (ordered.get(order) ?? []).map(({ id }) => id as string);
  // As before the lease: due since then, or in need of attention. Null was who came to be bounced.
  const ended = "UPDATE message SET lease_owner = NULL, wake_at = coalesce(wake_at, expires_at)";
  yield* runIn(`${ended}, state = 'queued' WHERE id IN (*)`, idsOf(null));
  yield* runIn(`${ended}, state = 'held', pending_order = NULL WHERE id IN (*)`, idsOf("hold"));
  yield* runIn(
    "UPDATE message SET lease_owner = NULL, state = 'queued', wake_at = ? WHERE id IN (*)",
    idsOf("bounce"),
    [now],
  );
  const files = yield* deleteMessages(ordered.get("remove") ?? []);
  const destinations = new DestinationChanges();
  for (const order of ["bounce", null] as const) {
    for (const { destination, due_at: dueAt } of ordered.get(order) ?? [])
      destinations.waits(destination as string, dueAt as number);
  }
  yield* destinations.write();
  return { outcome: rows.length, files };
}
