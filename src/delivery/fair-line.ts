/** Those who wait, in a line for each group: the groups take turns, so that one with many does not hold up the others. */
export class FairLine<T> {
  readonly #groups = new Map<string, T[]>();

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  add(group: string, waiting: T): void {
    const line = this.#groups.get(group);
    if (line === undefined) this.#groups.set(group, [waiting]);
    else line.push(waiting);
  }

  /** Whose turn it is. */
  next(): T | undefined {
    for (const [group, line] of this.#groups) {
      const first = line.shift();
      this.#groups.delete(group);
      // The next turn comes after that of all others.
      if (line.length > 0) this.#groups.set(group, line);
      return first;
    }
    return undefined;
  }

  /** Takes back who waits no longer. */
  remove(group: string, waiting: T): void {
    const line = this.#groups.get(group);
    const at = line?.indexOf(waiting) ?? -1;
    if (line === undefined || at === -1) return;
    line.splice(at, 1);
    if (line.length === 0) this.#groups.delete(group);
  }
}
