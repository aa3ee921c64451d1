import type { RecipientChange, Settlement } from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import { type Program, type Row, run, runIn } from "../sql/program.ts";
import type { DestinationChanges } from "./destinations.ts";
import { storable } from "./rows.ts";

/** Whether this lease is the message's last, and still held. */
export function isHeld({ owner, lease }: Settlement, row: Row | undefined): row is Row {
  return row?.state === "leased" && row.lease_owner === owner && row.lease === lease;
}

/** Whether no row of it is to be left. */
export function ends({ next }: Settlement, row: Row): boolean {
  return next.kind === "gone" || row.pending_order === "remove";
}

/** What becomes of a message that stays. */
export function* settleStaying(
  settlement: Settlement,
  row: Row,
  destinations: DestinationChanges,
): Program<void> {
  const { id, next, attempted } = settlement;
  yield* changeRecipients(id, settlement.changes);
  const order = row.pending_order as "hold" | "bounce" | null;
  const isHeld = order === "hold" || (order === null && next.kind === "hold");
  // Ordered while it was being attempted: its time is that of the order. What came to be bounced and was not waits.
  const isNewBounce = order === "bounce" && row.wake_at !== null;
  const dueAt = next.kind === "wait" ? next.dueAt : integer(row, "due_at");
  yield* run(
    `UPDATE message SET state = ?, lease_owner = NULL, pending_order = ?, held_because = ?, due_at = ?, wake_at = ?,
       attempts = attempts + ?, warned = ? WHERE id = ?`,
    isHeld ? "held" : "queued",
    order === "bounce" ? order : null,
    isHeld ? heldBecause(row, next) : null,
    dueAt,
    isNewBounce ? integer(row, "wake_at") : settlement.wakeAt,
    attempted ? 1 : 0,
    settlement.warned || row.warned === 1 ? 1 : 0,
    id,
  );
  if (!isHeld) destinations.waits(text(row, "destination"), dueAt);
}

function heldBecause(row: Row, next: Settlement["next"]): string {
  if (row.pending_order === "hold") return text(row, "held_because");
  return next.kind === "hold" ? storable(next.because) : "";
}

/** Recipients that fared alike are changed together. */
function* changeRecipients(message: string, changes: readonly RecipientChange[]): Program<void> {
  const alike = Map.groupBy(changes, ({ state, detail }) => `${state} ${detail}`);
  for (const [one, ...others] of alike.values()) {
    if (one === undefined) continue;
    yield* runIn(
      "UPDATE recipient SET state = ?, detail = ? WHERE message = ? AND position IN (*)",
      [one, ...others].map(({ index }) => index),
      [one.state, storable(one.detail), message],
    );
  }
}
