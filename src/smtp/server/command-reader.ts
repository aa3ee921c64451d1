import { authOctets } from "./limits.ts";

/** One step of reading. */
export type CommandLine =
  /** A line without its CRLF. */
  | { readonly kind: "line"; readonly line: Buffer }
  /** A faulty line, skipped; reading goes on behind it. */
  | { readonly kind: "too-long" | "bare-lf" | "bare-cr" }
  /** No dialogue in lines at all (TLS or another binary protocol, an endless line): to be closed. */
  | { readonly kind: "hopeless" };

/** An endless line is skipped this far before the client is given up. */
const skippedOctets = 65536;

const empty = Buffer.alloc(0);

/** Cuts received octets into command lines. Holds at most one chunk and one line of `authOctets`. */
export class CommandReader {
  #buffer: Buffer = empty;
  #at = 0;
  #skipped = 0;

  push(chunk: Buffer): void {
    this.#buffer = this.hasOctets ? Buffer.concat([this.#buffer.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
  }

  /** Whether octets wait that were not returned yet. */
  get hasOctets(): boolean {
    return this.#at < this.#buffer.length;
  }

  /** Takes the octets that wait, `most` at most: what follows the line returned last. */
  take(most = Number.POSITIVE_INFINITY): Buffer {
    const taken = this.#buffer.subarray(this.#at, this.#at + most);
    this.#at += taken.length;
    if (this.#at === this.#buffer.length) this.#release();
    return taken;
  }

  /** The next line, or null when more octets are needed for one. */
  next(): CommandLine | null {
    const buffer = this.#buffer;
    const start = this.#at;
    const lf = buffer.indexOf(0x0a, start);
    if (lf === -1) return this.#unfinished();
    this.#at = lf + 1;
    if (this.#at === buffer.length) this.#release();
    if (this.#skipped > 0) {
      this.#skipped = 0;
      return { kind: "too-long" };
    }
    // RFC 5321 §2.3.8: lines end with CRLF, and neither CR nor LF stands alone.
    const end = lf - 1;
    if (end < start || buffer[end] !== 0x0d) return { kind: "bare-lf" };
    if (lf + 1 - start > authOctets) return { kind: "too-long" };
    const line = buffer.subarray(start, end);
    return line.includes(0x0d) ? { kind: "bare-cr" } : { kind: "line", line };
  }

  #unfinished(): CommandLine | null {
    const waiting = this.#buffer.length - this.#at;
    // A TLS ClientHello sent to a plain port holds NUL and perhaps no LF: waiting would help nobody.
    if (this.#buffer.includes(0, this.#at)) return { kind: "hopeless" };
    if (waiting >= authOctets || this.#skipped > 0) {
      this.#skipped += waiting;
      this.#release();
    }
    return this.#skipped > skippedOctets ? { kind: "hopeless" } : null;
  }

  #release(): void {
    this.#buffer = empty;
    this.#at = 0;
  }
}
