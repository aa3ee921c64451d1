import type { LeasedMessage, MessageId, StoredContent, StoredMessage } from "./queued-message.ts";

/** A delivery in this process, which takes messages without asking for them. */
export interface DirectTaker {
  /** Whether it would begin with a message to this destination at once; true reserves a place. */
  wants(destination: string): boolean;
  /** The message that it wanted; it is in the queue, leased by this process. */
  take(message: LeasedMessage): void;
  /** The message that it wanted does not come. */
  missed(destination: string): void;
}

/**
 * Hands new messages to the delivery of this process as they are committed, which saves it a transaction to lease them
 * and a read. Their octets stay in memory until they are settled, up to a bound; beyond it messages wait in the store.
 */
export class DirectHandOver {
  readonly #maxOctets: number;
  readonly #contents = new Map<MessageId, StoredContent>();
  #octets = 0;
  #taker: DirectTaker | null = null;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  set taker(taker: DirectTaker | null) {
    this.#taker = taker;
  }

  /** Who takes a message to this destination; its octets are kept from then on. Null: it waits in the store. */
  reserve(
    id: MessageId,
    destination: string,
    message: Pick<StoredMessage, "prefix" | "content">,
  ): DirectTaker | null {
    const taker = this.#taker;
    const { prefix, content } = message;
    const octets = prefix.length + content.inline.length;
    if (taker === null || this.#octets + octets > this.#maxOctets || !taker.wants(destination)) return null;
    // What is in a file is read where the store put it.
    if (content.file === null) {
      this.#octets += octets;
      this.#contents.set(id, { inline: [prefix, content.inline], restOctets: 0, rest: () => nothing() });
    }
    return taker;
  }

  /** Whether a delivery that reserved a place is still there to take the message. */
  isThere(taker: DirectTaker): boolean {
    return taker === this.#taker;
  }

  content(id: MessageId): StoredContent | null {
    return this.#contents.get(id) ?? null;
  }

  /** Gives the memory back. */
  forget(id: MessageId): void {
    const content = this.#contents.get(id);
    if (content === undefined) return;
    for (const piece of content.inline) this.#octets -= piece.length;
    this.#contents.delete(id);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** As the store would lease it. */
export function leasedAsNew(message: StoredMessage): LeasedMessage {
  const { prefix, content, recipients, wakeAt: _, lease: __, quarantine: ___, ...others } = message;
  return {
    ...others,
    recipients: recipients.map((recipient, index) => ({
      ...recipient,
      index,
      state: "pending",
      detail: null,
    })),
    size: prefix.length + content.inline.length + (content.file?.octets ?? 0),
    warned: false,
    purpose: "attempt",
    destinationFailure: null,
    destinationFailures: 0,
    lease: 1,
    attempts: 0,
  };
}
