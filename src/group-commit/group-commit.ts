export interface GroupCommitOptions<Item, Answer> {
  /** One transaction; an answer for each item, in order. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Bounds one transaction, so that no caller waits long for others. */
  readonly maxItems: number;
  /** Bounds the sum of `sizeOf` in one transaction; a single larger item goes by itself. */
  readonly maxSize?: number;
  readonly sizeOf?: (item: Item) => number;
  /** Whether each item of a batch that failed this way may still succeed by itself. */
  readonly worthTryingAlone?: (error: unknown) => boolean;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what comes in one turn of the event loop, or while a commit is under way, into one transaction: a disk
 * sync costs as much for a hundred items as for one. Each caller's promise settles when its own item is on the
 * disk, or is known not to be.
 */
export class GroupCommit<Item, Answer> {
  readonly #options: GroupCommitOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #scheduled = false;

  constructor(options: GroupCommitOptions<Item, Answer>) {
    this.#options = options;
  }

  /** How many wait for the next commit. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn: every session that is ready joins this commit.
    setImmediate(async () => {
      await this.#commit(this.#takeBatch());
      this.#scheduled = false;
      this.#schedule();
    });
  }

  #takeBatch(): Waiting<Item, Answer>[] {
    const { maxItems, maxSize = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = this.#options;
    let size = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      size += sizeOf(item);
      if (count === maxItems || (count > 0 && size > maxSize)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.commit(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index];
        if (answer === undefined) reject(new Error("a commit gave fewer answers than it had items"));
        else resolve(answer);
      });
    } catch (error) {
      if (batch.length > 1 && this.#options.worthTryingAlone?.(error)) {
        for (const one of batch) await this.#commit([one]);
      } else for (const { reject } of batch) reject(error);
    }
  }
}
