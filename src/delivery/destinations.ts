import { LRUCache } from "lru-cache";

export interface DestinationLimits {
  /** Most messages of one destination in work while nothing is known of it. */
  readonly first: number;
  /** The same once it has shown that mail gets through fast. */
  readonly most: number;
}

/** More windows are not remembered: the rest begin anew. */
const maxRemembered = 10_000;

/**
 * How many messages of each destination are in work, and how many may be: few at first, one more for each that got
 * through, half as many when nobody there could be talked to.
 */
export class Destinations {
  readonly #limits: DestinationLimits;
  readonly #inWork = new Map<string, number>();
  /** Messages in work that have been so for long. */
  readonly #slow = new Map<string, number>();
  readonly #windows = new LRUCache<string, number>({ max: maxRemembered });

  constructor(limits: DestinationLimits) {
    this.#limits = limits;
  }

  get inWork(): ReadonlyMap<string, number> {
    return this.#inWork;
  }

  /** Many messages are slow: destinations that have such get no others. */
  isPressed = false;

  /** How many may be in work at a time. */
  readonly windowOf = (destination: string): number => {
    if (this.isPressed && this.#slow.has(destination)) return 1;
    return this.#ownWindow(destination);
  };

  hasRoom(destination: string): boolean {
    return (this.#inWork.get(destination) ?? 0) < this.windowOf(destination);
  }

  begin(destination: string): void {
    add(this.#inWork, destination, 1);
  }

  end(destination: string): void {
    add(this.#inWork, destination, -1);
  }

  slow(destination: string, change: 1 | -1): void {
    add(this.#slow, destination, change);
  }

  worked(destination: string): void {
    const window = this.#ownWindow(destination);
    if (window < this.#limits.most) this.#windows.set(destination, window + 1);
  }

  failed(destination: string): void {
    this.#windows.set(destination, Math.max(1, Math.floor(this.#ownWindow(destination) / 2)));
  }

  #ownWindow(destination: string): number {
    return this.#windows.get(destination) ?? this.#limits.first;
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
