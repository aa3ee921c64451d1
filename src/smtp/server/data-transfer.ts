import { type Reply, reply } from "../reply.ts";
import { DataReader } from "./data-reader.ts";
import type { AbortReason, Awaitable, ContentFault, DataSink } from "./handler.ts";

/** What one block of message data led to. */
export interface TransferStep {
  /** Null until the end of data; then the octets behind it, which are commands again. */
  readonly rest: Buffer | null;
  /** The sink asks to wait; never rejects. */
  readonly written: Promise<void> | null;
}

const refusals: Record<Exclude<ContentFault, "too-big">, string> = {
  "bare-cr": "Message refused: a CR without LF (lines end with CR LF)",
  "bare-lf": "Message refused: a LF without CR (lines end with CR LF)",
  nul: "Message refused: a NUL octet",
  "long-line": "Message refused: a line longer than 998 octets",
};

/**
 * One message between 354 and the final reply. Ties the reader of its octets to the sink and keeps the sink's
 * contract: exactly one of `finish` and `abort`, once.
 */
export class DataTransfer {
  readonly #sink: DataSink;
  readonly #reader: DataReader;
  readonly #maxOctets: number;
  readonly #onSinkFailure: (cause: unknown) => void;
  #open = true;
  #sinkFailed = false;

  constructor(sink: DataSink, maxOctets: number, onSinkFailure: (cause: unknown) => void) {
    this.#sink = sink;
    this.#reader = new DataReader(maxOctets);
    this.#maxOctets = maxOctets;
    this.#onSinkFailure = onSinkFailure;
  }

  get fault(): ContentFault | null {
    return this.#reader.fault;
  }

  get octets(): number {
    return this.#reader.octets;
  }

  receive(chunk: Buffer): TransferStep {
    const { content, rest } = this.#reader.read(chunk);
    if (this.#reader.fault !== null) this.abort(this.#reader.fault);
    const written = this.#open && content.length > 0 ? this.#write(content) : null;
    return { rest, written };
  }

  /** The end of data was found: the reply to the message. Rejects when the sink's `finish` does. */
  finish(): Awaitable<Reply> {
    if (this.#open) {
      this.#open = false;
      return this.#sink.finish();
    }
    const fault = this.#reader.fault;
    if (this.#sinkFailed || fault === null) return reply(451, "4.3.0", "The message could not be stored");
    if (fault === "too-big") {
      return reply(552, "5.3.4", `The message is larger than ${this.#maxOctets} octets`);
    }
    return reply(550, "5.6.0", refusals[fault]);
  }

  abort(reason: AbortReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sink.abort(reason);
  }

  #write(content: Uint8Array): Promise<void> | null {
    try {
      const written = this.#sink.write(content);
      return written instanceof Promise ? written.catch((cause) => this.#fail(cause)) : null;
    } catch (cause) {
      this.#fail(cause);
      return null;
    }
  }

  #fail(cause: unknown): void {
    this.#sinkFailed = true;
    this.#onSinkFailure(cause);
    this.abort("sink-failed");
  }
}
