import type { DestinationChange } from "./queue-store.ts";
import { RetrySchedule } from "./retry-schedule.ts";

const firstRestMs = 60_000;
const longestRestMs = 3_600_000;
/** A minute, then longer each time up to an hour. @param random uniform in [0, 1) */
export function usualRests(random: () => number): RetrySchedule {
  return new RetrySchedule({ firstDelayMs: firstRestMs, maxDelayMs: longestRestMs }, random);
}

/** So many that do not work are known by name; the store knows all. */
const maxKnown = 100_000;

interface Rest {
  readonly failures: number;
  /** Unix milliseconds. */
  readonly until: number;
}

/** The destinations that could not be talked to, as far as this process knows, and how long they are left alone. */
export class DestinationRests {
  readonly #schedule: RetrySchedule;
  readonly #rests = new Map<string, Rest>();

  /** @param schedule how long they rest, by failures in a row */
  constructor(schedule: RetrySchedule) {
    this.#schedule = schedule;
  }

  /** What the store knows of a destination: another process, or an earlier one, may have learnt it. */
  note(destination: string, failures: number): void {
    const known = this.#rests.get(destination);
    if (failures === 0) this.#rests.delete(destination);
    else if (known === undefined || known.failures < failures) this.#set(destination, { failures, until: 0 });
  }

  isResting(destination: string, now: number): boolean {
    const rest = this.#rests.get(destination);
    return rest !== undefined && now < rest.until;
  }

  /** Nothing is known against it. */
  isFine(destination: string): boolean {
    return !this.#rests.has(destination);
  }

  /** Null where it rests already: what was under way when the first attempt failed tells nothing new. */
  failed(destination: string, failure: string, now: number): DestinationChange | null {
    if (this.isResting(destination, now)) return null;
    const failures = (this.#rests.get(destination)?.failures ?? 0) + 1;
    const until = this.#schedule.next(failures, now);
    this.#set(destination, { failures, until });
    return { destination, restsUntil: until, failures, failure };
  }

  /** Null where nothing was known against it. */
  worked(destination: string): DestinationChange | null {
    if (!this.#rests.delete(destination)) return null;
    return { destination, restsUntil: null, failures: 0, failure: null };
  }

  #set(destination: string, rest: Rest): void {
    this.#rests.delete(destination);
    this.#rests.set(destination, rest);
    if (this.#rests.size <= maxKnown) return;
    const [oldest] = this.#rests.keys();
    if (oldest !== undefined) this.#rests.delete(oldest);
  }
}
