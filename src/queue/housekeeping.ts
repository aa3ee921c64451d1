import type { QueueClock } from "./queue-clock.ts";
import type { QueueOptions } from "./queue-options.ts";
import { type QueueStore, QueueStoreError } from "./queue-store.ts";

const FIRST_AFTER_MS = 60_000;
const EVERY_MS = 3_600_000;
/** So few in a transaction that nobody waits for it. */
const EXPIRED_AT_A_TIME = 100;

/** Takes away, each hour, what is over in quarantine, and what nobody needs any more. */
export class Housekeeping {
  readonly #store: Pick<QueueStore, "expire" | "tidy">;
  readonly #clock: QueueClock;
  readonly #onExpired: NonNullable<QueueOptions["onExpired"]>;
  #tidying: Promise<void> = Promise.resolve();
  #cancel: (() => void) | null = null;

  constructor(
    store: Pick<QueueStore, "expire" | "tidy">,
    clock: QueueClock,
    onExpired: NonNullable<QueueOptions["onExpired"]>,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  start(): void {
    this.#tidyAfter(FIRST_AFTER_MS);
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<void> {
    this.#cancel?.();
    await this.#tidying;
  }

  #tidyAfter(delayMs: number): void {
    this.#cancel = this.#clock.schedule(delayMs, () => {
      // What could not be tidied now is tidied the next time.
      this.#tidying = this.#tidy().catch((error) => {
        if (!(error instanceof QueueStoreError)) throw error;
      });
      this.#tidyAfter(EVERY_MS);
    });
  }

  async #tidy(): Promise<void> {
    const now = this.#clock.now();
    for (;;) {
      const expired = await this.#store.expire(now, EXPIRED_AT_A_TIME);
      if (expired.length === 0) break;
      this.#onExpired(expired);
    }
    await this.#store.tidy(now);
  }
}
