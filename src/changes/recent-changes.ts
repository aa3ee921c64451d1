import type { ChangeFeed } from "./change-feed.ts";

/**
 * Follows a feed for a cache: which of the subjects (accounts, domains) changed after something was read. Nothing is
 * searched for when a change comes; each remembered value is checked when it is wanted next. That costs a comparison
 * while nothing changes, and a look at a small map for each change otherwise.
 */
export class RecentChanges {
  readonly #feed: ChangeFeed;
  readonly #max: number;
  #count: number;
  /** By subject, the count at which it last changed; the older half holds what changed before the newer began. */
  #newer = new Map<string, number>();
  #older = new Map<string, number>();
  #newerBegan: number;
  /** Of changes at or before this count not all subjects are known any more. */
  #floor: number;

  /** @param max how many subjects each of the two halves holds */
  constructor(feed: ChangeFeed, max = 20_000) {
    this.#feed = feed;
    this.#max = max;
    this.#count = feed.changeCount();
    this.#newerBegan = this.#count;
    this.#floor = this.#count;
  }

  /** What has changed until now, as a number: to be taken before something is read, and kept with it. */
  get count(): number {
    const count = this.#feed.changeCount();
    if (count !== this.#count) this.#follow(count);
    return this.#count;
  }

  /**
   * Is what was read when {@link count} was `asOf` still true of the subject? Also false where that cannot be told any
   * more: after more changes than are held, for a value that nobody wanted meanwhile.
   */
  unchanged(subject: string, asOf: number): boolean {
    if (asOf === this.count) return true;
    if (asOf < this.#floor) return false;
    const changed = this.#newer.get(subject) ?? this.#older.get(subject);
    return changed === undefined || changed <= asOf;
  }

  #follow(count: number): void {
    const before = this.#count;
    const changed = this.#feed.changedSince(before);
    this.#count = count;
    if (changed === null || changed.size > this.#max) {
      this.#newer = new Map();
      this.#older = new Map();
      this.#newerBegan = count;
      this.#floor = count;
      return;
    }
    if (this.#newer.size + changed.size > this.#max) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#floor = this.#newerBegan;
      this.#newerBegan = before;
    }
    for (const subject of changed) this.#newer.set(subject, count);
  }
}
