import { LRUCache } from "lru-cache";

/** An hour, and the longest time for which a target that refused is left alone: then it has refused twice. */
const ROUNDS_APART_MS = 3_600_000 + 900_000;
/** Rounds that are further apart say nothing about each other. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** Domains all of whose hosts refuse connections to the key server's port (DIS-10). */
export class RefusalMemory {
  readonly #rounds = new LRUCache<string, { readonly firstMs: number; readonly lastMs: number }>({
    max: 10_000,
  });
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Notes a round in which all refused; true where they have done so for long enough. */
  refused(domain: string): boolean {
    const now = this.#nowMs();
    const before = this.#rounds.get(domain);
    const isRecent = before !== undefined && now - before.lastMs < FORGOTTEN_MS;
    const firstMs = isRecent ? before.firstMs : now;
    this.#rounds.set(domain, { firstMs, lastMs: now });
    return now - firstMs >= ROUNDS_APART_MS;
  }

  /** Anything else happened. */
  answered(domain: string): void {
    this.#rounds.delete(domain);
  }

  clear(): void {
    this.#rounds.clear();
  }
}
