import type { QueueFilter, QueueOrder } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { all, allIn, type Program, type Row, runIn, type SqlValue } from "../sql/program.ts";
import { byOctets, DestinationChanges } from "./destinations.ts";
import { type Condition, conditionOf, idsInOrder } from "./filter.ts";
import { deleteMessages, type Ended } from "./messages.ts";
import { releaseQuarantined } from "./quarantine.ts";
import { FATE, storable } from "./rows.ts";

/** Which ids of a filter are looked for in one transaction, at least. */
const IDS_AT_A_TIME = 128;

/** The outcome is null where it has to be tried again: nothing that was found is still as it was. */
export function* carryOut(
  filter: QueueFilter,
  order: QueueOrder,
  { now, limit }: { readonly now: number; readonly limit: number },
  locks: RowLocks,
): Program<Ended<number | null>> {
  const open = filter.state === "quarantined" ? openInQuarantine(order) : openMessages(order, now);
  const ids = yield* matching(filter, open, limit);
  const rows = yield* allIn(
    `SELECT ${FATE} FROM message WHERE id IN (*) AND ${open.sql} ORDER BY id ${locks.wait}`,
    ids,
    [],
    open.values,
  );
  // Others may have settled all that were found; then there may be further ones.
  const outcome = rows.length === 0 && ids.length > 0 ? null : rows.length;
  return { outcome, files: yield* apply(order, rows, now) };
}

/** Mail in quarantine is released or removed; it is never returned, for nobody knows whether its sender wrote it (ACT-2). */
function openInQuarantine({ kind }: QueueOrder): Condition {
  const isOpen = kind === "release" || kind === "remove";
  return { sql: isOpen ? "state = 'quarantined'" : "1 = 0", values: [] };
}

/** Those that are not yet as the order wants them. */
function openMessages(order: QueueOrder, now: number): Condition {
  switch (order.kind) {
    case "retry":
      // Once for each order: one that was tried and failed meanwhile is not tried again.
      return {
        sql: `state = 'queued' AND pending_order IS NULL AND (retry_ordered_at IS NULL OR retry_ordered_at < ?)
          AND (due_at > ? OR EXISTS (SELECT 1 FROM destination
            WHERE destination.name = message.destination AND destination.rests_until > ?))`,
        values: [now, now, now],
      };
    case "hold":
      return {
        sql: "(state = 'queued' OR (state = 'leased' AND (pending_order IS NULL OR pending_order <> 'hold')))",
        values: [],
      };
    case "release":
      return { sql: "(state = 'held' OR (state = 'leased' AND pending_order = 'hold'))", values: [] };
    case "bounce":
      return { sql: "(pending_order IS NULL OR pending_order <> 'bounce')", values: [] };
    case "remove":
      return { sql: "(pending_order IS NULL OR pending_order <> 'remove')", values: [] };
  }
}

function* matching(filter: QueueFilter, open: Condition, limit: number): Program<readonly string[]> {
  const { sql, values } = conditionOf(filter);
  const conditions = `${sql} AND ${open.sql}`;
  const both: readonly SqlValue[] = [...values, ...open.values];
  if (filter.ids === undefined) {
    const rows = yield* all(`SELECT id FROM message WHERE ${conditions} ORDER BY id LIMIT ?`, ...both, limit);
    return rows.map(({ id }) => id as string);
  }
  const found: string[] = [];
  const ids = idsInOrder(filter.ids);
  for (let start = 0; start < ids.length && found.length < limit; start += IDS_AT_A_TIME) {
    const piece = ids.slice(start, start + IDS_AT_A_TIME);
    const rows = yield* allIn(`SELECT id FROM message WHERE id IN (*) AND ${conditions}`, piece, [], both);
    found.push(...rows.map(({ id }) => id as string).sort(byOctets));
  }
  return found.slice(0, limit);
}

function* apply(order: QueueOrder, rows: readonly Row[], now: number): Program<readonly string[]> {
  const ids = rows.map(({ id }) => id as string);
  const leased = rows.filter(({ state }) => state === "leased").map(({ id }) => id as string);
  const quarantined = rows.filter(({ state }) => state === "quarantined");
  const free = rows.filter(({ state }) => state !== "leased");
  const destinations = new DestinationChanges();
  switch (order.kind) {
    case "retry":
      yield* runIn(
        `UPDATE message SET retry_ordered_at = ?, due_at = CASE WHEN due_at > ? THEN ? ELSE due_at END
         WHERE id IN (*)`,
        ids,
        [now, now, now],
      );
      for (const { destination, due_at: dueAt } of rows) {
        destinations.waits(destination as string, Math.min(dueAt as number, now));
        destinations.wake(destination as string);
      }
      break;
    case "hold":
      yield* runIn(
        `UPDATE message SET held_because = ?,
           pending_order = CASE WHEN state = 'leased' THEN 'hold' END,
           state = CASE WHEN state = 'leased' THEN 'leased' ELSE 'held' END
         WHERE id IN (*)`,
        ids,
        [storable(order.because)],
      );
      break;
    case "release":
      yield* runIn("UPDATE message SET pending_order = NULL, held_because = NULL WHERE id IN (*)", leased);
      yield* releaseQuarantined(quarantined, now);
      yield* runIn(
        "UPDATE message SET state = 'queued', held_because = NULL, due_at = ? WHERE id IN (*)",
        free.map(({ id }) => id as string),
        [now],
      );
      for (const { destination } of free) destinations.waits(destination as string, now);
      break;
    case "bounce":
      yield* runIn(
        `UPDATE message SET pending_order = 'bounce', wake_at = ?, held_because = NULL,
           state = CASE WHEN state = 'leased' THEN 'leased' ELSE 'queued' END
         WHERE id IN (*)`,
        ids,
        [now],
      );
      for (const { destination, due_at: dueAt } of free)
        destinations.waits(destination as string, dueAt as number);
      break;
    case "remove":
      yield* runIn("UPDATE message SET pending_order = 'remove' WHERE id IN (*)", leased);
      return yield* deleteMessages(free);
  }
  yield* destinations.write();
  return [];
}
