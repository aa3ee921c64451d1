const MAX_REMEMBERED = 10_000;

/** What this process knows of changes: counts them and remembers the last ones. */
export class ChangeLog {
  #count = 0;
  /** Answers about counts before this one are lost. */
  #floor = 0;
  /** Each with the count that it made. */
  #changes: { readonly count: number; readonly subject: string }[] = [];

  get count(): number {
    return this.#count;
  }

  add(subjects: Iterable<string>): void {
    const before = this.#changes.length;
    for (const subject of subjects) this.#changes.push({ count: this.#count + 1, subject });
    if (this.#changes.length === before) return;
    this.#count++;
    if (this.#changes.length <= MAX_REMEMBERED) return;
    const forgotten = this.#changes.splice(0, this.#changes.length - MAX_REMEMBERED / 2);
    this.#floor = forgotten.at(-1)?.count ?? this.#floor;
  }

  /** Something changed, and it is not known what. */
  forgetAll(): void {
    this.#floor = ++this.#count;
    this.#changes = [];
  }

  since(count: number): ReadonlySet<string> | null {
    if (count < this.#floor) return null;
    const subjects = new Set<string>();
    for (let index = this.#changes.length - 1; index >= 0; index--) {
      const change = this.#changes[index];
      if (change === undefined || change.count <= count) break;
      subjects.add(change.subject);
    }
    return subjects;
  }
}
