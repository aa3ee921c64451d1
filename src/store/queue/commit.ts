import type { ChangeAnswer, QueueChange, SeenKey, Settlement, StoredMessage } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import type { Program, Row } from "../sql/program.ts";
import { DestinationChanges } from "./destinations.ts";
import { deleteMessages, insertMessages, LeaseHolders, lockMessages } from "./messages.ts";
import { remember } from "./seen.ts";
import { ends, isHeld, settleStaying } from "./settle.ts";

/** What the changes of a commit came to. */
export interface Committed {
  readonly answers: readonly ChangeAnswer[];
  readonly inserted: readonly StoredMessage[];
  /** Files that belong to nothing any more. */
  readonly ended: readonly string[];
}

/**
 * The changes of many callers in few statements. Rows are held in this order by every program that waits for any, so that
 * no two wait for each other: messages by id, what is remembered, contents by id, destinations by name, lease holders.
 */
export function* commit(changes: readonly QueueChange[], locks: RowLocks): Program<Committed> {
  const settled = yield* heldSettlements(changes, locks);
  const repeated = yield* remember(changes);
  const destinations = new DestinationChanges();
  const holders = new LeaseHolders();
  const inserted: StoredMessage[] = [];
  const answers = changes.map((change): ChangeAnswer => {
    if (repeated.has(change)) return "seen";
    if (change.kind === "destination") destinations.change(change.change);
    else if (change.kind === "insert") inserted.push(...change.messages);
    else if (settled.has(change.settlement)) inserted.push(...change.settlement.reports);
    else return "lease-lost";
    return "done";
  });
  yield* insertMessages(inserted, destinations, holders);
  const gone: Row[] = [];
  for (const [settlement, row] of settled) {
    if (ends(settlement, row)) gone.push(row);
    else yield* settleStaying(settlement, row, destinations);
  }
  const ended = yield* deleteMessages(gone);
  yield* destinations.write();
  yield* holders.write();
  return { answers, inserted, ended };
}

/** The settlements whose leases are held, with their messages. */
function* heldSettlements(
  changes: readonly QueueChange[],
  locks: RowLocks,
): Program<ReadonlyMap<Settlement, Row>> {
  const settlements = changes.flatMap((change) => (change.kind === "settle" ? [change.settlement] : []));
  const rows = yield* lockMessages(
    settlements.map(({ id }) => id),
    locks,
  );
  const open = new Map(rows.map((row) => [row.id as string, row]));
  const held = new Map<Settlement, Row>();
  for (const settlement of settlements) {
    const row = open.get(settlement.id);
    if (!isHeld(settlement, row)) continue;
    held.set(settlement, row);
    open.delete(settlement.id);
  }
  return held;
}

/** What is new in a commit, whatever becomes of its settlements. */
export function newMessages(changes: readonly QueueChange[]): readonly StoredMessage[] {
  return changes.flatMap((change) => (change.kind === "insert" ? change.messages : []));
}

/** What these changes would remember. */
export function seenKeys(changes: readonly QueueChange[]): readonly SeenKey[] {
  return changes.flatMap((change) => (change.kind === "insert" ? (change.seen ?? []) : []));
}

/** What is new where every settlement's lease is held. */
export function reportsToo(changes: readonly QueueChange[]): readonly StoredMessage[] {
  const reports = changes.flatMap((change) => (change.kind === "settle" ? change.settlement.reports : []));
  return [...newMessages(changes), ...reports];
}
