import { type QueueStore, QueueStoreError } from "./queue-store.ts";
import type { NewMessage } from "./queued-message.ts";

/** What several processes add is counted together so often. */
const COUNT_AGAIN_MS = 60_000;

/**
 * Keeps what is in quarantine below a bound: whoever forges mail of a domain with p=quarantine could fill the disk with it,
 * and then no mail at all would be taken. What finds no room comes again later.
 */
export class QuarantineRoom {
  readonly #store: Pick<QueueStore, "quarantinedOctets">;
  readonly #most: number;
  readonly #now: () => number;
  #octets = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(store: Pick<QueueStore, "quarantinedOctets">, most: number, now: () => number) {
    this.#store = store;
    this.#most = most;
    this.#now = now;
  }

  /** @throws QueueStoreError where there is no room for these */
  async take(messages: readonly NewMessage[]): Promise<void> {
    const octets = messages.reduce(
      (sum, message) => sum + (message.quarantine == null ? 0 : sizeOf(message)),
      0,
    );
    if (this.#most === Number.POSITIVE_INFINITY) return;
    if (this.#now() - this.#countedAt >= COUNT_AGAIN_MS) {
      this.#countedAt = this.#now();
      this.#octets = await this.#store.quarantinedOctets();
    }
    if (this.#octets + octets > this.#most)
      throw new QueueStoreError(
        "full",
        new Error("quarantine is as large as it may be: see vsmtp quarantine list"),
      );
    this.#octets += octets;
  }
}

function sizeOf({ prefix, content: { inline, file } }: NewMessage): number {
  return prefix.length + inline.length + (file?.octets ?? 0);
}
