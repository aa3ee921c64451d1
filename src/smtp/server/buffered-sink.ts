import { type Reply, reply } from "../reply.ts";
import type { AbortReason, Awaitable, DataSink } from "./handler.ts";

/** Octets that all sessions of a host together may hold of messages they are still receiving or judging. */
export class OctetBudget {
  readonly #maxOctets: number;
  #usedOctets = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  get usedOctets(): number {
    return this.#usedOctets;
  }

  hasRoomFor(octets: number): boolean {
    return this.#usedOctets + octets <= this.#maxOctets;
  }

  take(octets: number): boolean {
    if (!this.hasRoomFor(octets)) return false;
    this.#usedOctets += octets;
    return true;
  }

  giveBack(octets: number): void {
    this.#usedOctets -= octets;
  }
}

/** RFC 3463 X.3.1: this is about room now, not about this message. */
export const busyReply = reply(452, "4.3.1", "Too many messages are being received; try again later");

export interface BufferedSinkOptions {
  readonly budget: OctetBudget;
  /** The message is whole: what becomes of it? The pieces count against the budget until this is answered. */
  readonly accept: (pieces: readonly Uint8Array[]) => Awaitable<Reply>;
  /** Sees each piece as it arrives. */
  readonly onPiece?: (piece: Uint8Array) => void;
  /** How often each octet counts, for hosts that make copies. Default 1. */
  readonly share?: number;
}

/** Holds one message until it is complete, within the budget of all sessions, then hands it on. */
export class BufferedSink implements DataSink {
  readonly #options: BufferedSinkOptions;
  #pieces: Uint8Array[] = [];
  #heldOctets = 0;
  #overBudget = false;

  constructor(options: BufferedSinkOptions) {
    this.#options = options;
  }

  write(chunk: Uint8Array): void {
    if (this.#overBudget) return;
    const octets = chunk.length * (this.#options.share ?? 1);
    if (!this.#options.budget.take(octets)) {
      this.#overBudget = true;
      this.#release();
      return;
    }
    this.#heldOctets += octets;
    this.#pieces.push(chunk);
    this.#options.onPiece?.(chunk);
  }

  async finish(): Promise<Reply> {
    if (this.#overBudget) return busyReply;
    try {
      return await this.#options.accept(this.#pieces);
    } finally {
      this.#release();
    }
  }

  abort(_reason: AbortReason): void {
    this.#release();
  }

  #release(): void {
    this.#options.budget.giveBack(this.#heldOctets);
    this.#heldOctets = 0;
    this.#pieces = [];
  }
}
