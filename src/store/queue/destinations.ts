import type { DestinationChange } from "../../queue/index.ts";
import { insertRows, type Program, run, runIn } from "../sql/program.ts";
import { storable } from "./rows.ts";

/** What becomes of destinations in a transaction, gathered: their rows are changed at its end, in one order in all processes. */
export class DestinationChanges {
  readonly #dueAt = new Map<string, number>();
  readonly #changes = new Map<string, DestinationChange>();
  readonly #woken = new Set<string>();

  /** A message waits there from now on. */
  waits(destination: string, dueAt: number): void {
    this.#dueAt.set(destination, Math.min(dueAt, this.#dueAt.get(destination) ?? dueAt));
  }

  change(change: DestinationChange): void {
    this.#changes.set(change.destination, change);
  }

  /** It rests no longer. */
  wake(destination: string): void {
    this.#woken.add(destination);
  }

  *write(): Program<void> {
    const names = new Set([...this.#dueAt.keys(), ...this.#changes.keys(), ...this.#woken]);
    let waiting: [name: string, dueAt: number][] = [];
    for (const name of [...names].sort(byOctets)) {
      const dueAt = this.#dueAt.get(name);
      const change = this.#changes.get(name);
      if (dueAt !== undefined) waiting.push([name, dueAt]);
      if (change === undefined && !this.#woken.has(name)) continue;
      yield* lowerDueTimes(waiting);
      waiting = [];
      if (change !== undefined) yield* changeDestination(change);
      else yield* run("UPDATE destination SET rests_until = 0 WHERE name = ?", name);
    }
    yield* lowerDueTimes(waiting);
  }
}

function* lowerDueTimes(rows: readonly (readonly [name: string, dueAt: number])[]): Program<void> {
  yield* insertRows(
    "INSERT INTO destination (name, due_at)",
    rows,
    `ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at
     WHERE destination.due_at IS NULL OR destination.due_at > excluded.due_at`,
  );
}

function* changeDestination({
  destination,
  restsUntil,
  failures,
  failure,
}: DestinationChange): Program<void> {
  yield* insertRows(
    "INSERT INTO destination (name, rests_until, failures, failure)",
    [[destination, restsUntil ?? 0, failures, failure === null ? null : storable(failure)]],
    `ON CONFLICT (name) DO UPDATE
     SET rests_until = excluded.rests_until, failures = excluded.failures, failure = excluded.failure`,
  );
}

/** Of destinations that this transaction holds: whatever is added meanwhile waits, and lowers it again. */
export function* raiseDueTimes(names: readonly string[]): Program<void> {
  yield* runIn(
    `UPDATE destination SET due_at = (
       SELECT min(message.due_at) FROM message
       WHERE message.destination = destination.name AND message.state = 'queued'
     ) WHERE name IN (*)`,
    names,
  );
}

/** The order in which both databases compare texts. */
export function byOctets(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
