import type { QueueClock } from "../queue/index.ts";
import { FairLine } from "./fair-line.ts";

/** Lets so many in at a time; the others wait, group by group in turn, and not for ever. */
export class Gate {
  readonly #clock: QueueClock;
  readonly #limit: () => number;
  readonly #waiting = new FairLine<(entered: boolean) => void>();
  #inside = 0;

  /** @param limit may change; after it has grown `admit` is to be called */
  constructor(clock: QueueClock, limit: () => number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Nobody is inside, and nobody waits. */
  get isIdle(): boolean {
    return this.#inside === 0 && this.#waiting.isEmpty;
  }

  /** Resolves when it is one's turn; `leave` ends it. False: it was not in time. */
  async enter(group: string, waitMs: number): Promise<boolean> {
    if (this.#inside < this.#limit() && this.#waiting.isEmpty) {
      this.#inside++;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.add(group, resolve);
    const cancel = this.#clock.schedule(waitMs, () => {
      this.#waiting.remove(group, resolve);
      resolve(false);
    });
    const entered = await promise;
    cancel();
    return entered;
  }

  leave(): void {
    this.#inside--;
    this.admit();
  }

  /** Lets in who waits, as far as there is room. */
  admit(): void {
    while (this.#inside < this.#limit()) {
      const next = this.#waiting.next();
      if (next === undefined) return;
      this.#inside++;
      next(true);
    }
  }

  /** Those who wait do not get in. */
  turnAway(): void {
    for (let next = this.#waiting.next(); next !== undefined; next = this.#waiting.next()) next(false);
  }
}
