import { MessageVerifier, type ScannedMessage } from "../signature/index.ts";
import { type AbortReason, type DataSink, type Reply, reply } from "../smtp/index.ts";

/** Octets that all sessions together may hold of messages they are still receiving. */
export class ReceiveBudget {
  #left: number;

  constructor(octets: number) {
    this.#left = octets;
  }

  take(octets: number): boolean {
    if (octets > this.#left) return false;
    this.#left -= octets;
    return true;
  }

  giveBack(octets: number): void {
    this.#left += octets;
  }
}

/** RFC 3463 X.3.1: this is about room now, not about this message. */
export const BUSY = reply(452, "4.3.1", "Too many messages are being received; try again later");

/** Takes one message: hashes it while it comes in and keeps it until it is judged. */
export class MxSink implements DataSink {
  readonly #budget: ReceiveBudget;
  readonly #judge: (message: ScannedMessage, pieces: readonly Uint8Array[]) => Promise<Reply>;
  readonly #verifier = new MessageVerifier();
  #pieces: Uint8Array[] = [];
  #held = 0;
  #overBudget = false;

  constructor(
    budget: ReceiveBudget,
    judge: (message: ScannedMessage, pieces: readonly Uint8Array[]) => Promise<Reply>,
  ) {
    this.#budget = budget;
    this.#judge = judge;
  }

  write(chunk: Uint8Array): void {
    if (this.#overBudget) return;
    if (!this.#budget.take(chunk.length)) {
      this.#overBudget = true;
      this.#release();
      return;
    }
    this.#held += chunk.length;
    this.#pieces.push(chunk);
    this.#verifier.write(chunk);
  }

  async finish(): Promise<Reply> {
    if (this.#overBudget) return BUSY;
    try {
      return await this.#judge(this.#verifier.finish(), this.#pieces);
    } finally {
      this.#release();
    }
  }

  abort(_reason: AbortReason): void {
    this.#release();
  }

  #release(): void {
    this.#budget.giveBack(this.#held);
    this.#held = 0;
    this.#pieces = [];
  }
}
