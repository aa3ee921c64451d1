import type { LeasedMessage, LeaseRequest, QueuedRecipient } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { allIn, type Program, runIn } from "../sql/program.ts";
import { messagesInNeed } from "./attention.ts";
import { raiseDueTimes } from "./destinations.ts";
import { holdReady, messagesDue, readyDestinations } from "./due.ts";
import { LeaseHolders } from "./messages.ts";
import { leasedOf, RECIPIENT, recipientOf } from "./rows.ts";
import type { Taken } from "./taken.ts";

export interface Manner {
  /** Which of both sources gets the odd place. */
  readonly attentionFirst: boolean;
  /** Waits for destinations that others have. */
  readonly patient: boolean;
}

/**
 * Takes messages that need attention, and those that are due. Neither source hides the other: while there is both, each
 * gets half.
 *
 * @returns null when there is something due, and others had all of its destinations just now
 */
export function* takeMessages(
  request: LeaseRequest,
  locks: RowLocks,
  { attentionFirst, patient }: Manner,
): Program<LeasedMessage[] | null> {
  const { now, until, owner, limit } = request;
  const ready = yield* readyDestinations(request);
  const half = attentionFirst ? Math.ceil(limit / 2) : Math.floor(limit / 2);
  const inNeed = yield* messagesInNeed(now, ready.length === 0 ? limit : half, locks);
  yield* markLeased(inNeed, owner);
  const held = yield* holdReady(request, ready, patient ? locks.wait : locks.skip);
  // Not here: rows that are held already would be held in another order than everybody's.
  if (ready.length > 0 && held.length === 0 && inNeed.length === 0 && !patient) return null;
  const due = yield* messagesDue(held, { now, limit: limit - inNeed.length }, locks, (taken) =>
    markLeased(taken, owner),
  );
  yield* raiseDueTimes(held.map(({ name }) => name));
  const taken = [...inNeed, ...due];
  if (taken.length > 0) {
    const holders = new LeaseHolders();
    holders.holds(owner, until);
    yield* holders.write();
  }
  return yield* leasedMessages(taken);
}

function* markLeased(taken: readonly Taken[], owner: string): Program<void> {
  const leased = "UPDATE message SET state = 'leased', lease_owner = ?, lease = lease + 1";
  const idsOf = (isBounce: boolean): string[] =>
    taken
      .filter(({ purpose }) => (purpose === "bounce") === isBounce)
      .map(({ row }) => row.id as string)
      .sort();
  yield* runIn(`${leased} WHERE id IN (*)`, idsOf(false), [owner]);
  yield* runIn(`${leased}, wake_at = NULL WHERE id IN (*)`, idsOf(true), [owner]);
}

function* leasedMessages(taken: readonly Taken[]): Program<LeasedMessage[]> {
  const rows = yield* allIn(
    `SELECT ${RECIPIENT} FROM recipient WHERE message IN (*) AND state IN ('pending', 'deferred')
     ORDER BY message, position`,
    taken.map(({ row }) => row.id as string),
  );
  const recipients = Map.groupBy(rows, ({ message }) => message);
  return taken.map(({ row, purpose, failure, failures }) => {
    const own = (recipients.get(row.id) ?? []).map(recipientOf<QueuedRecipient["state"]>);
    return leasedOf(row, own, { purpose, destinationFailure: failure, destinationFailures: failures });
  });
}
