import { LineChecker, type LineDot } from "../line-checker.ts";
import type { ContentReader, ReadStep } from "./content-reader.ts";
import type { ContentFault } from "./handler.ts";

const nothing = Buffer.alloc(0);
const cr = 0x0d;
const lf = 0x0a;

/**
 * Reads message data up to CRLF.CRLF, the only end of data (MSG-5, RFC 5321 §4.1.1.4): LF.LF, LF.CRLF, CR.CR
 * and their kin never end it. They refuse the message instead, because two servers that disagree about them can be
 * made to see different messages (SMTP smuggling). A refused message is still read to its end, so that nothing
 * of it is ever taken for a command.
 */
export class DataReader implements ContentReader {
  readonly #maxOctets: number;
  readonly #lines = new LineChecker();
  /** A dot that starts a line, perhaps with a CR: the next octets decide what it is. */
  #held: Buffer = nothing;
  #octets = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  get fault(): ContentFault | null {
    return this.#lines.fault ?? (this.#octets > this.#maxOctets ? "too-big" : null);
  }

  /** Dot-stuffing and terminator are not counted (RFC 1870 §3). */
  get octets(): number {
    return this.#octets;
  }

  get endIsDoubtful(): boolean {
    return this.fault === "bare-cr" || this.fault === "bare-lf";
  }

  /** The terminator ends a line: nothing is missing. */
  end(): Uint8Array {
    return nothing;
  }

  read(received: Buffer): ReadStep {
    const octets = this.#held.length === 0 ? received : Buffer.concat([this.#held, received]);
    const stuffed: number[] = [];
    const stop = this.#lines.check(octets, (at) => {
      const found = judgeDot(octets, at);
      if (found === "stuffed") stuffed.push(at);
      return found;
    });
    const content = this.#deliver(octets, stop, stuffed);
    const ended = stop + 3 <= octets.length;
    this.#held = ended ? nothing : octets.subarray(stop);
    return { content, rest: ended ? octets.subarray(stop + 3) : null };
  }

  /** The octets before `end` without those at `stuffed`. */
  #deliver(octets: Buffer, end: number, stuffed: readonly number[]): Uint8Array {
    this.#octets += end - stuffed.length;
    if (this.fault !== null) return nothing;
    if (stuffed.length === 0) return octets.subarray(0, end);
    const content = Buffer.allocUnsafe(end - stuffed.length);
    let from = 0;
    let to = 0;
    for (const dot of stuffed) {
      content.set(octets.subarray(from, dot), to);
      to += dot - from;
      from = dot + 1;
    }
    content.set(octets.subarray(from, end), to);
    return content;
  }
}

/** Stops at the terminator, and at what may become one. */
function judgeDot(octets: Uint8Array, at: number): LineDot {
  const [next, afterNext] = [octets[at + 1], octets[at + 2]];
  if (next === undefined) return "stop";
  if (next !== cr) return "stuffed";
  return afterNext === undefined || afterNext === lf ? "stop" : "stuffed";
}
