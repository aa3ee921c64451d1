import type { LeaseRequest } from "../../queue/index.ts";
import type { RowLocks } from "../sql/dialect.ts";
import { all, allIn, allOfEach, type Program, type Row } from "../sql/program.ts";
import { byOctets } from "./destinations.ts";
import { LEASED } from "./rows.ts";
import type { Taken } from "./taken.ts";

/** A destination with due messages that has room for some. */
interface Ready {
  readonly name: string;
  readonly failures: number;
  readonly failure: string | null;
  /** How many may be taken. */
  room: number;
}

/** At most `limit` destinations, those first that have waited longest; full ones are passed over. */
export function* readyDestinations(request: LeaseRequest): Program<readonly string[]> {
  const { now, limit } = request;
  const names: string[] = [];
  let after: readonly [readyAt: number, name: string] = [-1, ""];
  for (;;) {
    const rows = yield* all(
      `SELECT name, ready_at, failures FROM destination
       WHERE ready_at <= ? AND (ready_at, name) > (?, ?) ORDER BY ready_at, name LIMIT ?`,
      now,
      ...after,
      limit + 16,
    );
    for (const row of rows) {
      if (roomOf(row, request) > 0) names.push(row.name as string);
      if (names.length === limit) return names;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit + 16) return names;
    after = [last.ready_at as number, last.name as string];
  }
}

function roomOf({ name, failures }: Row, { perDestination, inWork }: LeaseRequest): number {
  const most = failures === 0 ? perDestination(name as string) : 1;
  return most - (inWork.get(name as string) ?? 0);
}

/**
 * Keeps others from adding to destinations or taking from them, as long as this transaction lasts.
 *
 * @param lock what is done about those that others have
 */
export function* holdReady(request: LeaseRequest, names: readonly string[], lock: string): Program<Ready[]> {
  const rows = yield* allIn(
    `SELECT name, failures, failure FROM destination WHERE name IN (*) AND ready_at <= ? ORDER BY name ${lock}`,
    [...names].sort(byOctets),
    [],
    [request.now],
  );
  const order = new Map(names.map((name, index) => [name, index]));
  return rows
    .map((row) => ({
      name: row.name as string,
      failures: row.failures as number,
      failure: row.failure as string | null,
      room: roomOf(row, request),
    }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0));
}

/**
 * Shares the places among destinations; what one does not need others get.
 *
 * @param mark is called for all that is taken, so that it is not taken again
 */
export function* messagesDue(
  destinations: readonly Ready[],
  { now, limit }: { readonly now: number; readonly limit: number },
  { skip }: RowLocks,
  mark: (taken: readonly Taken[]) => Program<void>,
): Program<Taken[]> {
  const all: Taken[] = [];
  let open = destinations;
  while (open.length > 0 && all.length < limit) {
    const left = limit - all.length;
    const share = Math.max(1, Math.floor(left / open.length));
    const asked = open.slice(0, left);
    const rows = yield* allOfEach(
      `SELECT ${LEASED} FROM message WHERE destination = ? AND state = 'queued' AND due_at <= ?
       ORDER BY due_at LIMIT ? ${skip}`,
      asked.map(({ name, room }) => [name, now, Math.min(room, share)]),
    );
    const found = Map.groupBy(rows, ({ destination }) => destination as string);
    const taken: Taken[] = [];
    const more: Ready[] = [];
    for (const destination of asked) {
      const own = found.get(destination.name) ?? [];
      const { failure, failures } = destination;
      taken.push(...own.map((row) => ({ row, purpose: purposeOf(row), failure, failures })));
      const hadMore = own.length === Math.min(destination.room, share);
      destination.room -= own.length;
      if (hadMore && destination.room > 0) more.push(destination);
    }
    yield* mark(taken);
    all.push(...taken);
    open = [...open.slice(asked.length), ...more];
  }
  return all;
}

function purposeOf(row: Row): Taken["purpose"] {
  return row.pending_order === "bounce" ? "bounce" : "attempt";
}
