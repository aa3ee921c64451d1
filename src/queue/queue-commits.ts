import { GroupCommit } from "../group-commit/index.ts";
import { type ChangeAnswer, type QueueChange, type QueueStore, QueueStoreError } from "./queue-store.ts";
import type { StoredMessage } from "./queued-message.ts";

const MAX_CHANGES = 1000;
const MAX_OCTETS = 32 << 20;

/** The changes that sessions and deliveries make at the same time share transactions. */
export class QueueCommits {
  readonly #store: QueueStore;
  readonly #shared: GroupCommit<QueueChange, ChangeAnswer>;

  constructor(store: QueueStore) {
    this.#store = store;
    this.#shared = groupCommit(store);
  }

  async add(change: QueueChange): Promise<ChangeAnswer> {
    if (!insertedBy(change).some(({ content }) => content.file !== null)) return this.#shared.add(change);
    // A large message may have to be copied into the store: nobody else waits for that.
    const [answer] = await this.#store.commit([change]);
    if (answer === undefined) throw new Error("a commit gave no answer");
    return answer;
  }
}

function groupCommit(store: QueueStore): GroupCommit<QueueChange, ChangeAnswer> {
  return new GroupCommit({
    commit: (changes) => store.commit(changes),
    maxItems: MAX_CHANGES,
    maxSize: MAX_OCTETS,
    sizeOf: octetsOf,
    // Where the disk is full, what is small or frees space may still succeed.
    worthTryingAlone: (error) => error instanceof QueueStoreError && error.kind === "full",
  });
}

function octetsOf(change: QueueChange): number {
  let octets = 0;
  const contents = new Set<Uint8Array>();
  for (const { prefix, content } of insertedBy(change)) {
    octets += prefix.length;
    if (!contents.has(content.inline)) octets += content.inline.length;
    contents.add(content.inline);
  }
  return octets;
}

function insertedBy(change: QueueChange): readonly StoredMessage[] {
  if (change.kind === "insert") return change.messages;
  return change.kind === "settle" ? change.settlement.reports : [];
}
