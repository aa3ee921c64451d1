import { type QueueChange, type QueueStore, QueueStoreError } from "./queue-store.ts";

/** Bounds one transaction, so that no caller waits long for the octets of others. */
const MAX_CHANGES = 1000;
const MAX_OCTETS = 32 << 20;

interface Waiting {
  readonly change: QueueChange;
  readonly resolve: (answer: "done" | "lease-lost") => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the changes that come in one turn of the event loop, or while a commit is under way, into one
 * transaction: a disk sync costs as much for a hundred messages as for one. Each caller's promise settles when
 * its own change is on the disk, or is known not to be.
 */
export class GroupCommit {
  readonly #store: QueueStore;
  #waiting: Waiting[] = [];
  #scheduled = false;

  constructor(store: QueueStore) {
    this.#store = store;
  }

  add(change: QueueChange): Promise<"done" | "lease-lost"> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn: every session whose message is complete joins this commit.
    setImmediate(async () => {
      await this.#commit(this.#takeBatch());
      this.#scheduled = false;
      this.#schedule();
    });
  }

  #takeBatch(): Waiting[] {
    let octets = 0;
    let count = 0;
    for (const { change } of this.#waiting) {
      octets += octetsOf(change);
      if (count === MAX_CHANGES || (count > 0 && octets > MAX_OCTETS)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#store.commit(batch.map(({ change }) => change));
      batch.forEach(({ resolve }, index) => {
        resolve(answers[index] ?? "lease-lost");
      });
    } catch (error) {
      // Where the disk is full, what is small or frees space may still succeed: each is tried by itself.
      if (batch.length > 1 && error instanceof QueueStoreError && error.kind === "full") {
        for (const one of batch) await this.#commit([one]);
      } else for (const { reject } of batch) reject(error);
    }
  }
}

function octetsOf(change: QueueChange): number {
  if (change.kind === "settle") return 0;
  let octets = 0;
  const contents = new Set<Uint8Array>();
  for (const { prefix, content } of change.messages) {
    octets += prefix.length;
    if (!contents.has(content)) octets += content.length;
    contents.add(content);
  }
  return octets;
}
