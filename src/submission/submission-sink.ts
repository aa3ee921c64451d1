import { type AbortReason, type DataSink, type Reply, reply } from "../smtp/index.ts";
import type { BufferBudget } from "./buffer-budget.ts";

/** A signing server takes this much more than the message itself, for the copy with the edited header. */
const SHARE = 2;

/** Holds one message until it is complete, within the budget of all sessions, then hands it on. */
export class SubmissionSink implements DataSink {
  readonly #budget: BufferBudget;
  readonly #accept: (message: readonly Uint8Array[]) => Promise<Reply>;
  #pieces: Uint8Array[] = [];
  #heldOctets = 0;
  #overBudget = false;

  constructor(budget: BufferBudget, accept: (message: readonly Uint8Array[]) => Promise<Reply>) {
    this.#budget = budget;
    this.#accept = accept;
  }

  write(chunk: Uint8Array): void {
    if (this.#overBudget) return;
    const octets = chunk.length * SHARE;
    if (this.#budget.take(octets)) {
      this.#heldOctets += octets;
      this.#pieces.push(chunk);
    } else {
      this.#overBudget = true;
      this.#release();
    }
  }

  async finish(): Promise<Reply> {
    if (this.#overBudget) return busyReply;
    try {
      return await this.#accept(this.#pieces);
    } finally {
      this.#release();
    }
  }

  abort(_reason: AbortReason): void {
    this.#release();
  }

  #release(): void {
    this.#budget.giveBack(this.#heldOctets);
    this.#heldOctets = 0;
    this.#pieces = [];
  }
}

/** RFC 3463 X.3.1: this is about room now, not about this message. */
export const busyReply = reply(452, "4.3.1", "Too many messages are being received; try again later");
