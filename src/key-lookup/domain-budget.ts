import { LRUCache } from "lru-cache";

interface Usage {
  inFlight: number;
  /** When the misses of the last minute began, oldest first. */
  readonly startedAtMs: number[];
}

export interface Budget {
  readonly inFlight: number;
  readonly perMinute: number;
}

export const DEFAULT_BUDGET: Budget = { inFlight: 10, perMinute: 60 };
const MINUTE_MS = 60_000;

/** How much forged mail can make us ask one domain's servers (CCH-6). */
export class DomainBudget {
  readonly #usage = new LRUCache<string, Usage>({ max: 10_000 });
  readonly #nowMs: () => number;
  readonly #budget: Budget;

  constructor(nowMs: () => number, budget: Budget) {
    this.#nowMs = nowMs;
    this.#budget = budget;
  }

  /** Begins a lookup, to be ended by {@link end}; or says why there may be none now. */
  begin(domain: string): string | null {
    let usage = this.#usage.get(domain);
    if (usage === undefined) {
      usage = { inFlight: 0, startedAtMs: [] };
      this.#usage.set(domain, usage);
    }
    const now = this.#nowMs();
    while ((usage.startedAtMs[0] ?? Number.POSITIVE_INFINITY) <= now - MINUTE_MS) usage.startedAtMs.shift();
    const { inFlight, perMinute } = this.#budget;
    if (usage.inFlight >= inFlight) return `${inFlight} lookups are under way`;
    if (usage.startedAtMs.length >= perMinute) return `${perMinute} lookups in a minute`;
    usage.inFlight++;
    usage.startedAtMs.push(now);
    return null;
  }

  end(domain: string): void {
    const usage = this.#usage.get(domain);
    if (usage !== undefined) usage.inFlight--;
  }
}
