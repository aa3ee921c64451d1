import type { RowLocks } from "../sql/dialect.ts";
import { all, allIn, type Program, type Row, runIn } from "../sql/program.ts";
import { LEASED } from "./rows.ts";
import type { Taken } from "./taken.ts";

/** A message that will be attempted as soon as there is a place for it is looked at again after so long. */
const AGAIN_MS = 60_000;

/**
 * Takes messages to be bounced, those that are too old, and those whose senders are to be told of a delay. One that is
 * due at a destination that works is attempted rather: after a standstill of this host everything is late.
 */
export function* messagesInNeed(now: number, limit: number, locks: RowLocks): Program<Taken[]> {
  if (limit === 0) return [];
  const rows = yield* all(
    `SELECT ${LEASED} FROM message WHERE state = 'queued' AND wake_at <= ? ORDER BY wake_at LIMIT ? ${locks.skip}`,
    now,
    limit,
  );
  const names = [...new Set(rows.map(({ destination }) => destination as string))];
  const known = yield* allIn(
    "SELECT name, rests_until, failures, failure FROM destination WHERE name IN (*)",
    names,
  );
  const destinations = new Map(known.map((row) => [row.name, row]));
  const taken: Taken[] = [];
  const later: string[] = [];
  for (const row of rows) {
    const destination = destinations.get(row.destination);
    const works = destination === undefined || isFine(destination, now);
    if (row.pending_order === null && works && (row.due_at as number) <= now) later.push(row.id as string);
    else {
      taken.push({
        row,
        purpose: purposeOf(row, now),
        failure: (destination?.failure ?? null) as string | null,
        failures: (destination?.failures ?? 0) as number,
      });
    }
  }
  yield* runIn("UPDATE message SET wake_at = ? WHERE id IN (*)", later.sort(), [now + AGAIN_MS]);
  return taken;
}

function isFine({ failures, rests_until: restsUntil }: Row, now: number): boolean {
  return failures === 0 && (restsUntil as number) <= now;
}

function purposeOf(row: Row, now: number): Taken["purpose"] {
  if (row.pending_order === "bounce") return "bounce";
  return (row.expires_at as number) <= now ? "expired" : "warn";
}
