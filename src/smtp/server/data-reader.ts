import { judgeTail, lineOctets } from "../content-lines.ts";
import type { ContentReader, ReadStep } from "./content-reader.ts";
import type { ContentFault } from "./handler.ts";

const nothing = Buffer.alloc(0);
const endOfData = "\r\n.\r\n";

/**
 * Reads message data up to CRLF.CRLF, the only end of data (MSG-5, RFC 5321 §4.1.1.4): LF.LF, LF.CRLF, CR.CR
 * and their kin never end it. They refuse the message instead, because two servers that disagree about them can be
 * made to see different messages (SMTP smuggling). A refused message is still read to its end, so that nothing
 * of it is ever taken for a command.
 *
 * Chunks are searched as Latin-1 strings: V8's string search then runs at 1.5 GB/s, copying included, three times
 * the speed of a byte loop or of searching the Buffer line by line.
 */
export class DataReader implements ContentReader {
  readonly #maxOctets: number;
  /** At most 4 octets from the end of the last chunk whose meaning the next one decides. */
  #held: Buffer = nothing;
  /** Octets handed on of the line that the next chunk continues; 0 at the start of a line. */
  #lineOctets = 0;
  #fault: ContentFault | null = null;
  /** Refused for its lines: what follows is searched for the end only. */
  #searching = false;
  #octets = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  get fault(): ContentFault | null {
    return this.#fault;
  }

  /** Content octets so far, dot-stuffing and terminator not counted (RFC 1870 §3). */
  get octets(): number {
    return this.#octets;
  }

  get endIsDoubtful(): boolean {
    return this.#fault === "bare-cr" || this.#fault === "bare-lf";
  }

  /** The terminator ends a line: nothing is missing. */
  end(): Uint8Array {
    return nothing;
  }

  read(received: Buffer): ReadStep {
    const held = this.#held;
    const chunk = held.length === 0 ? received : Buffer.concat([held, received]);
    const text = chunk.toString("latin1");
    if (!this.#searching) return this.#scan(chunk, text);
    // All held octets were judged before, but for a CR that stood last.
    return this.#search(chunk, text, 0, held.at(-1) === 0x0d ? held.length - 1 : held.length);
  }

  #scan(chunk: Buffer, text: string): ReadStep {
    const nul = text.indexOf("\0");
    const stuffed: number[] = [];
    let before = this.#lineOctets;
    let at = 0;
    for (;;) {
      if (before === 0 && text.charCodeAt(at) === 0x2e) {
        if (text.startsWith(".\r\n", at)) return this.#end(this.#deliver(chunk, at, stuffed), chunk, at + 3);
        if (at + 3 > text.length && ".\r\n".startsWith(text.slice(at))) {
          return this.#suspend(chunk, at, 0, stuffed);
        }
        stuffed.push(at);
        at++;
      }
      const lf = text.indexOf("\n", at);
      const cr = text.indexOf("\r", at);
      // Both can be absent, and -1 is also where the CR of a LF at 0 would be.
      if (cr === -1 || cr !== lf - 1) {
        const tail = judgeTail(lf, cr, nul, text.length);
        if (tail.fault !== null) return this.#refuse(tail.fault, chunk, text, tail.at + 1);
        const octets = before + tail.at - at;
        if (octets > lineOctets) return this.#refuse("long-line", chunk, text, at);
        return this.#suspend(chunk, tail.at, octets, stuffed);
      }
      if (nul !== -1 && nul < cr) return this.#refuse("nul", chunk, text, nul + 1);
      if (before + cr - at > lineOctets) return this.#refuse("long-line", chunk, text, cr);
      at = lf + 1;
      before = 0;
    }
  }

  #refuse(fault: ContentFault, chunk: Buffer, text: string, from: number): ReadStep {
    this.#setFault(fault);
    this.#searching = true;
    return this.#search(chunk, text, from, from);
  }

  /** Looks for the end of a refused message from `from`; octets from `unjudged` on were not looked at before. */
  #search(chunk: Buffer, text: string, from: number, unjudged: number): ReadStep {
    const found = text.indexOf(endOfData, from);
    const end = found === -1 ? text.length : found + endOfData.length;
    const bare = /(?<!\r)\n|\r(?=[^\n])/g;
    bare.lastIndex = unjudged;
    const first = bare.exec(text);
    if (first !== null && first.index < end) this.#setFault(first[0] === "\n" ? "bare-lf" : "bare-cr");
    if (found !== -1) return this.#end(nothing, chunk, end);
    this.#held = chunk.subarray(Math.max(from, chunk.length - (endOfData.length - 1)));
    return { content: nothing, rest: null };
  }

  /** Hands on what stands before `at` and keeps the rest for the next chunk. */
  #suspend(chunk: Buffer, at: number, lineOctetsSoFar: number, stuffed: number[]): ReadStep {
    this.#held = chunk.subarray(at);
    this.#lineOctets = lineOctetsSoFar;
    return { content: this.#deliver(chunk, at, stuffed), rest: null };
  }

  #end(content: Uint8Array, chunk: Buffer, at: number): ReadStep {
    this.#held = nothing;
    return { content, rest: chunk.subarray(at) };
  }

  /** The octets before `end` without those at `stuffed`. */
  #deliver(chunk: Buffer, end: number, stuffed: number[]): Uint8Array {
    this.#octets += end - stuffed.length;
    if (this.#octets > this.#maxOctets) this.#setFault("too-big");
    if (this.#fault !== null) return nothing;
    if (stuffed.length === 0) return chunk.subarray(0, end);
    const content = Buffer.allocUnsafe(end - stuffed.length);
    let from = 0;
    let to = 0;
    for (const dot of stuffed) {
      to += chunk.copy(content, to, from, dot);
      from = dot + 1;
    }
    chunk.copy(content, to, from, end);
    return content;
  }

  #setFault(fault: ContentFault): void {
    const smuggling = fault === "bare-cr" || fault === "bare-lf";
    if (this.#fault === null || (smuggling && this.#fault !== "bare-cr" && this.#fault !== "bare-lf")) {
      this.#fault = fault;
    }
  }
}
