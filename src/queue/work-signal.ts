import type { QueueClock } from "./queue-clock.ts";
import type { QueueStore } from "./queue-store.ts";

/** How soon to look again where something is due that the last look did not take: another process may have put it there. */
const againMs = 1_000;

/** Tells a delivery when to look for work. */
export class WorkSignal {
  readonly #store: QueueStore;
  readonly #clock: QueueClock;
  readonly #pollMs: number;
  readonly #wakers = new Set<() => void>();
  /** There is news since the last look. */
  #news = true;
  /** When work was last looked for, Unix milliseconds. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Something was due at the last look, and not taken: probably there was no place for its destination. */
  #leftOver = false;

  constructor(store: QueueStore, clock: QueueClock, pollMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#pollMs = pollMs;
  }

  /** To be called just before work is looked for. */
  looked(now: number): void {
    this.#news = false;
    this.#lookedAt = now;
    this.#leftOver = false;
  }

  wake(): void {
    this.#news = true;
    for (const wake of this.#wakers) wake();
  }

  /** A message is done with. */
  placeFreed(): void {
    if (this.#leftOver) this.wake();
  }

  /** Resolves when there may be more work than at the last look, or when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#wakers.add(wake);
    signal.addEventListener("abort", wake);
    let cancel = (): void => {};
    try {
      if (signal.aborted || this.#news) return;
      const dueAt = await this.#store.nextDueAt();
      const waitMs = this.#waitMs(dueAt);
      if (waitMs <= 0) return;
      cancel = this.#clock.schedule(waitMs, wake);
      await woken;
    } finally {
      cancel();
      signal.removeEventListener("abort", wake);
      this.#wakers.delete(wake);
    }
  }

  #waitMs(dueAt: number | null): number {
    if (dueAt === null) return this.#pollMs;
    if (dueAt > this.#lookedAt) return Math.min(dueAt - this.#clock.now(), this.#pollMs);
    this.#leftOver = true;
    return Math.min(againMs, this.#pollMs);
  }
}
