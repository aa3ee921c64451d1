import type { SeenKey } from "../queue/index.ts";

/** More are not remembered: the oldest give way. */
const MOST_KEYS = 500_000;

/**
 * What the next hop took (RPL-1, RPL-2). Unlike the queue's memory it ends with the process: what is lost of it is that a
 * repeat is told from the first.
 */
export class ReplayMemory {
  /** Until when, Unix seconds, by key. */
  readonly #until = new Map<string, number>();

  /** @param now Unix milliseconds */
  has({ key }: SeenKey, now: number): boolean {
    return (this.#until.get(nameOf(key)) ?? 0) * 1000 > now;
  }

  remember({ key, until }: SeenKey): void {
    this.#until.set(nameOf(key), until);
    if (this.#until.size <= MOST_KEYS) return;
    const [oldest] = this.#until.keys();
    if (oldest !== undefined) this.#until.delete(oldest);
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
