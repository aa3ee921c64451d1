import { LRUCache } from "lru-cache";

export interface Budget {
  readonly inFlight: number;
  readonly perMinute: number;
}

interface Usage {
  inFlight: number;
  /** When those that count began, oldest first. */
  readonly countedAtMs: number[];
}

/** A lookup that may go out. To be ended once. */
export interface Permit {
  end(wasVain: boolean): void;
}

const MINUTE_MS = 60_000;
const MAX_NAMES = 10_000;

/** How many lookups there may be in the name of something: at a time, and in a minute. */
export class MissBudget {
  readonly #usage = new LRUCache<string, Usage>({ max: MAX_NAMES });
  readonly #nowMs: () => number;
  readonly #budget: Budget;
  readonly #counts: "all" | "vain";

  /** @param counts `vain`: only those without a key in the end, and until then those under way */
  constructor(nowMs: () => number, budget: Budget, counts: "all" | "vain") {
    this.#nowMs = nowMs;
    this.#budget = budget;
    this.#counts = counts;
  }

  /** Why there may be none now; null: there may. */
  problem(name: string): string | null {
    const { inFlight: most, perMinute } = this.#budget;
    const usage = this.#usage.get(name);
    if (usage === undefined) return null;
    const { inFlight, countedAtMs } = usage;
    const now = this.#nowMs();
    while ((countedAtMs[0] ?? Number.POSITIVE_INFINITY) <= now - MINUTE_MS) countedAtMs.shift();
    if (inFlight >= most) return `${most} lookups are under way`;
    const counted = countedAtMs.length + (this.#counts === "vain" ? inFlight : 0);
    if (counted < perMinute) return null;
    return `${perMinute} lookups in a minute${this.#counts === "vain" ? " were in vain" : ""}`;
  }

  begin(name: string): Permit {
    let usage = this.#usage.get(name);
    if (usage === undefined) {
      usage = { inFlight: 0, countedAtMs: [] };
      this.#usage.set(name, usage);
    }
    const used = usage;
    used.inFlight++;
    if (this.#counts === "all") used.countedAtMs.push(this.#nowMs());
    return {
      end: (wasVain) => {
        used.inFlight--;
        if (this.#counts === "vain" && wasVain) used.countedAtMs.push(this.#nowMs());
      },
    };
  }
}
