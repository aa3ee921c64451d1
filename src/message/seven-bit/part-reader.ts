const CRLF = Buffer.from("\r\n");
const LINE_OF_DASHES = Buffer.from("\r\n--");
const [LF, CR, DASH] = [10, 13, 45];
/** A delimiter line is shorter, like every line (MSG-2). */
const MAX_LINE_OCTETS = 1000;
/** Of one part; beyond, nothing is understood of it. */
const MAX_HEADER_OCTETS = 1 << 16;
const EMPTY = Buffer.alloc(0);

/** What comes next: the header of a part or of an attached message, or the content of something. */
export type Next = "header" | "content";

/** Who is told what a {@link PartReader} finds. Offsets count from the beginning of the body. */
export interface PartHandler {
  /** Without an open multipart no line can be a delimiter, and nothing but content comes. */
  readonly hasOpenMultipart: boolean;
  /** @param octets null when it is too long to be read; all of it is content then */
  header(octets: Buffer | null, start: number, bodyStart: number): Next;
  /** The array is only valid during the call. */
  content(octets: Buffer): void;
  /**
   * A line that begins with "--", without its CRLF.
   *
   * @param contentEnd where the content before it ends if it is a delimiter: a CRLF before it is part of it
   * @param after where the next line begins
   * @returns null when it is none
   */
  dashLine(line: Buffer, contentEnd: number, after: number): Next | null;
}

/**
 * Splits a body that comes in chunks of any size into headers, delimiter lines and content (RFC 2046 §5.1.1). It
 * searches with native calls, and holds back no more than a header or a line.
 */
export class PartReader {
  readonly #handler: PartHandler;
  #next: Next;
  #octets: Buffer = EMPTY;
  /** Where `#octets` begins. */
  #offset = 0;
  #hasEnded = false;
  #atLineStart = true;
  /** Octets of the header in work whose lines were looked at. */
  #headerOctets = 0;

  constructor(handler: PartHandler, next: Next) {
    this.#handler = handler;
    this.#next = next;
  }

  write(chunk: Uint8Array): void {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#octets = this.#octets.length === 0 ? octets : Buffer.concat([this.#octets, octets]);
    this.#read();
    // A copy: the caller's chunk may be used again.
    if (this.#octets.length > 0) this.#octets = Buffer.from(this.#octets);
  }

  /** @returns the body's length */
  finish(): number {
    this.#hasEnded = true;
    this.#read();
    return this.#offset;
  }

  #read(): void {
    while (this.#octets.length > 0) {
      const goesOn = this.#next === "header" ? this.#readHeader() : this.#readContent();
      if (!goesOn) break;
    }
  }

  /** False when more must be seen first. */
  #readHeader(): boolean {
    const octets = this.#octets;
    let line = this.#headerOctets;
    while (line <= MAX_HEADER_OCTETS) {
      const found = octets.indexOf(CRLF, line);
      if (found === line) {
        const start = this.#offset;
        const header = Buffer.from(this.#take(line + CRLF.length).subarray(0, line));
        this.#begin(this.#handler.header(header, start, this.#offset));
        return true;
      }
      if (found < 0 && !this.#hasEnded) {
        this.#headerOctets = line;
        if (octets.length <= MAX_HEADER_OCTETS) return false;
        break;
      }
      const end = found < 0 ? octets.length : found;
      if (this.#takeDelimiter(line, line, end)) return true;
      line = end + CRLF.length;
      if (this.#hasEnded && line >= octets.length) {
        this.#take(octets.length); // no empty line, so no body
        return true;
      }
    }
    this.#begin(this.#handler.header(null, this.#offset, this.#offset));
    return true;
  }

  #readContent(): boolean {
    const octets = this.#octets;
    if (!this.#handler.hasOpenMultipart) return this.#pass(octets.length);
    if (this.#atLineStart && octets.length < 2 && octets[0] === DASH && !this.#hasEnded) return false;
    const isFirstLine = this.#atLineStart && beginsWithDashes(octets, 0);
    const found = isFirstLine ? 0 : octets.indexOf(LINE_OF_DASHES);
    if (found < 0) {
      const held = this.#hasEnded ? 0 : endOfUnseenLine(octets);
      return this.#pass(octets.length - held) && held === 0;
    }
    if (found > 0) return this.#pass(found);
    const line = isFirstLine ? 0 : CRLF.length;
    const lineEnd = octets.indexOf(CRLF, line);
    if (lineEnd < 0 && !this.#hasEnded) {
      return octets.length > MAX_LINE_OCTETS && this.#pass(line + 2);
    }
    const end = lineEnd < 0 ? octets.length : lineEnd;
    return this.#takeDelimiter(line, 0, end) || this.#pass(end);
  }

  #takeDelimiter(line: number, contentEnd: number, end: number): boolean {
    if (!beginsWithDashes(this.#octets, line)) return false;
    const after = Math.min(end + CRLF.length, this.#octets.length);
    const text = this.#octets.subarray(line, end);
    const next = this.#handler.dashLine(text, this.#offset + contentEnd, this.#offset + after);
    if (next === null) return false;
    this.#take(after);
    this.#begin(next);
    return true;
  }

  #begin(next: Next): void {
    this.#next = next;
    this.#atLineStart = true;
    this.#headerOctets = 0;
  }

  #pass(length: number): boolean {
    if (length > 0) {
      this.#handler.content(this.#take(length));
      this.#atLineStart = false;
    }
    return true;
  }

  #take(length: number): Buffer {
    const taken = this.#octets.subarray(0, length);
    this.#octets = this.#octets.subarray(length);
    this.#offset += length;
    return taken;
  }
}

function beginsWithDashes(octets: Buffer, at: number): boolean {
  return octets[at] === DASH && octets[at + 1] === DASH;
}

/** How many octets at the end may be the beginning of {@link LINE_OF_DASHES}. */
function endOfUnseenLine(octets: Buffer): number {
  const [third, second, last] = [octets.at(-3), octets.at(-2), octets.at(-1)];
  if (last === CR) return 1;
  if (second === CR && last === LF) return 2;
  return third === CR && second === LF && last === DASH ? 3 : 0;
}
