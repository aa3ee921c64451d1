import { LRUCache } from "lru-cache";

/** What one client network may still ask. */
export interface Allowance {
  left: number;
  atMs: number;
}

/** A token bucket for each client network (KEY-37). */
export class RateLimiter {
  readonly #perMinute: number;
  readonly #allowances = new LRUCache<string, Allowance>({ max: 50_000 });
  readonly #nowMs: () => number;

  /** @param perMinute how much may be spent in a minute, and at once; Infinity for no limit */
  constructor(perMinute: number, nowMs: () => number) {
    this.#perMinute = perMinute;
    this.#nowMs = nowMs;
  }

  /** The allowance that all connections from this network share. */
  of(prefix: string): Allowance {
    let allowance = this.#allowances.get(prefix);
    if (allowance === undefined) {
      allowance = { left: this.#perMinute, atMs: this.#nowMs() };
      this.#allowances.set(prefix, allowance);
    }
    return allowance;
  }

  /** Takes what was spent; false when the network has overdrawn and is to wait. */
  spend(allowance: Allowance, cost: number): boolean {
    if (this.#perMinute === Number.POSITIVE_INFINITY) return true;
    const now = this.#nowMs();
    const earned = ((now - allowance.atMs) * this.#perMinute) / 60_000;
    allowance.left = Math.min(this.#perMinute, allowance.left + earned) - cost;
    allowance.atMs = now;
    return allowance.left > 0;
  }
}
