import { LRUCache } from "lru-cache";

/** Remembers what a store said until anything in the store changes. */
export class FreshCache<V extends object> {
  readonly #store: { changeCount(): number };
  readonly #load: (key: string) => Promise<V | null>;
  readonly #entries: LRUCache<string, V>;
  #changeCount = -1;

  constructor(store: { changeCount(): number }, max: number, load: (key: string) => Promise<V | null>) {
    this.#store = store;
    this.#load = load;
    this.#entries = new LRUCache({ max });
  }

  /** The remembered value, or undefined where {@link get} must ask the store. */
  peek(key: string): V | undefined {
    const count = this.#store.changeCount();
    if (count !== this.#changeCount) {
      this.#entries.clear();
      this.#changeCount = count;
    }
    return this.#entries.get(key);
  }

  async get(key: string): Promise<V | null> {
    const remembered = this.peek(key);
    if (remembered !== undefined) return remembered;
    const countBefore = this.#changeCount;
    const loaded = await this.#load(key);
    // What was read while something changed may be old already: it serves this caller, not the next.
    if (loaded !== null && this.#store.changeCount() === countBefore) this.#entries.set(key, loaded);
    return loaded;
  }
}
