import { type Reply, reply } from "../reply.ts";
import { chain } from "./chain.ts";
import type { ContentReader } from "./content-reader.ts";
import type { AbortReason, Awaitable, ContentFault, DataSink } from "./handler.ts";

/** What one block of content led to. */
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

export interface TransferOptions {
  readonly sink: DataSink;
  readonly reader: ContentReader;
  readonly maxOctets: number;
  /** When the client has to be through, in milliseconds of `performance.now()`. */
  readonly endsAt: number;
  readonly onSinkFailure: (cause: unknown) => void;
}

/**
 * The content of one message, from DATA or the first BDAT to the final reply. Ties the reader of its octets to the sink
 * and keeps the sink's contract: exactly one of `finish` and `abort`, once.
 */
export class ContentTransfer {
  readonly #options: TransferOptions;
  readonly reader: ContentReader;
  readonly endsAt: number;
  #open = true;
  #sinkFailed = false;

  constructor(options: TransferOptions) {
    this.#options = options;
    this.reader = options.reader;
    this.endsAt = options.endsAt;
  }

  /** Whether the message can still be accepted. */
  get open(): boolean {
    return this.#open;
  }

  receive(octets: Buffer): TransferStep {
    const { content, rest } = this.reader.read(octets);
    if (this.reader.fault !== null) this.abort(this.reader.fault);
    return { rest, written: this.#write(content) };
  }

  /** All octets are there: the reply to the message. Rejects when the sink's `finish` does. */
  finish(): Awaitable<Reply> {
    const end = this.reader.end();
    if (this.reader.fault !== null) this.abort(this.reader.fault);
    return chain(this.#write(end), () => {
      if (!this.#open) return this.#refusal();
      this.#open = false;
      return this.#options.sink.finish();
    });
  }

  abort(reason: AbortReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#options.sink.abort(reason);
  }

  #refusal(): Reply {
    const { fault } = this.reader;
    if (this.#sinkFailed || fault === null) return reply(451, "4.3.0", "The message could not be stored");
    if (fault === "too-big") {
      return reply(552, "5.3.4", `The message is larger than ${this.#options.maxOctets} octets`);
    }
    return reply(550, "5.6.0", refusals[fault]);
  }

  #write(content: Uint8Array): Promise<void> | null {
    if (!this.#open || content.length === 0) return null;
    try {
      const written = this.#options.sink.write(content);
      return written instanceof Promise ? written.catch((cause) => this.#fail(cause)) : null;
    } catch (cause) {
      this.#fail(cause);
      return null;
    }
  }

  #fail(cause: unknown): void {
    this.#sinkFailed = true;
    this.#options.onSinkFailure(cause);
    this.abort("sink-failed");
  }
}
