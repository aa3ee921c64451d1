import { LRUCache } from "lru-cache";

export interface RememberedFailure {
  readonly accepted: boolean;
  /** Each of its addresses refused the connection (DIS-10). */
  readonly refused: boolean;
  readonly detail: string;
}

interface Entry extends RememberedFailure {
  readonly pauseMs: number;
  readonly untilMs: number;
}

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 900_000;

/** Which targets failed lately and are left alone for a while: 60 s, doubling to 900 (CCH-4). */
export class TargetMemory {
  readonly #entries = new LRUCache<string, Entry>({ max: 10_000 });
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The failure for which this target is left alone now, or null. */
  recall(key: string): RememberedFailure | null {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.untilMs > this.#nowMs() ? entry : null;
  }

  /** @returns for how many seconds it is left alone now */
  failed(key: string, { accepted, refused, detail }: RememberedFailure): number {
    const before = this.#entries.get(key);
    const pauseMs = before === undefined ? FIRST_PAUSE_MS : Math.min(before.pauseMs * 2, LONGEST_PAUSE_MS);
    this.#entries.set(key, { accepted, refused, detail, pauseMs, untilMs: this.#nowMs() + pauseMs });
    return pauseMs / 1000;
  }

  succeeded(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
