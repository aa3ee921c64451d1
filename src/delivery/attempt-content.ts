import type { LeasedMessage, Queue, StoredContent } from "../queue/index.ts";
import type { ContentBudget } from "./content-budget.ts";

/** More of a message is not in memory: its header and a piece of the rest. */
const mostOctets = (1 << 20) + (256 << 10);
const pieceOctets = 256 << 10;

/** The content of a message for one attempt, held from first need to `end`, within the budget of all attempts. */
export class AttemptContent {
  readonly #queue: Queue;
  readonly #budget: ContentBudget;
  readonly #message: LeasedMessage;
  #content: Promise<StoredContent> | null = null;
  #octets = 0;

  constructor(queue: Queue, budget: ContentBudget, message: LeasedMessage) {
    this.#queue = queue;
    this.#budget = budget;
    this.#message = message;
  }

  /** The same at each call. */
  readonly get = (): Promise<StoredContent> => {
    this.#content ??= this.#load();
    return this.#content;
  };

  /** Gives the memory back. */
  async end(): Promise<void> {
    if (this.#content === null) return;
    await this.#content.catch(() => {});
    this.#content = null;
    this.#budget.giveBack(this.#octets);
  }

  async #load(): Promise<StoredContent> {
    // Before it is read nobody knows how much of it comes into memory.
    this.#octets = Math.min(this.#message.size, mostOctets);
    await this.#budget.take(this.#octets);
    const content = await this.#queue.content(this.#message);
    let octets = Math.min(content.restOctets, pieceOctets);
    for (const { length } of content.inline) octets += length;
    this.#budget.correct(this.#octets, octets);
    this.#octets = octets;
    return content;
  }
}
