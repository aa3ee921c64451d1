import { LRUCache } from "lru-cache";
import { type ChangeFeed, RecentChanges } from "../changes/index.ts";

/** Remembers what a store said until something changes that it depends on. */
export class FreshCache<V extends object> {
  readonly #changes: RecentChanges;
  readonly #load: (key: string) => Promise<V | null>;
  readonly #subjectsOf: (value: V, key: string) => readonly string[];
  readonly #entries: LRUCache<string, { readonly value: V; asOf: number }>;

  /**
   * @param max how many values are held; the least recently used go first
   * @param subjectsOf the accounts (ids) and domains on which a value depends
   */
  constructor(
    feed: ChangeFeed,
    max: number,
    load: (key: string) => Promise<V | null>,
    subjectsOf: (value: V, key: string) => readonly string[],
  ) {
    this.#changes = new RecentChanges(feed);
    this.#load = load;
    this.#subjectsOf = subjectsOf;
    this.#entries = new LRUCache({ max });
  }

  /** The remembered value, or undefined where {@link get} must ask the store. */
  peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { count } = this.#changes;
    if (entry.asOf !== count) {
      const subjects = this.#subjectsOf(entry.value, key);
      if (!subjects.every((subject) => this.#changes.unchanged(subject, entry.asOf))) {
        this.#entries.delete(key);
        return undefined;
      }
      entry.asOf = count;
    }
    return entry.value;
  }

  async get(key: string): Promise<V | null> {
    const remembered = this.peek(key);
    if (remembered !== undefined) return remembered;
    // Taken before: a change while the store answers is a change after what it answered.
    const asOf = this.#changes.count;
    const value = await this.#load(key);
    if (value !== null) this.#entries.set(key, { value, asOf });
    return value;
  }
}
