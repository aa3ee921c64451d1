const [HTAB, LF, CR, SPACE, DASH, DOT, EQUALS, UPPER_F] = [9, 10, 13, 32, 45, 46, 61, 70];
const MAX_LINE_OCTETS = 76;
/** How far it looks ahead: "From ". */
const AHEAD = 5;
const FROM = Buffer.from("From ");
const HEX = Buffer.from("0123456789ABCDEF");
const EMPTY = Buffer.alloc(0);

/** Quoted-printable (RFC 2045 §6.7) of content in chunks of any size; line ends stay line ends. */
export class QuotedPrintableEncoder {
  #held: Buffer = EMPTY;
  #column = 0;
  /** The line was begun by a soft break. */
  #isContinued = false;

  write(chunk: Uint8Array): Buffer {
    const octets = Buffer.concat([this.#held, chunk]);
    return this.#encode(octets, Math.max(octets.length - AHEAD, 0));
  }

  finish(): Buffer {
    return this.#encode(this.#held, this.#held.length);
  }

  /** Encodes the octets before `limit`, and keeps the others. */
  #encode(octets: Buffer, limit: number): Buffer {
    // Three octets for one, and a soft break of three for each 73 octets.
    const out = Buffer.allocUnsafe(limit * 3 + (Math.ceil((limit * 3) / 73) + 1) * 3);
    let length = 0;
    let at = 0;
    while (at < limit) {
      const runEnd = this.#endOfRun(octets, at, limit);
      this.#column += runEnd - at;
      while (at < runEnd) out[length++] = octets[at++] as number;
      if (at >= limit) break;
      const octet = octets[at] as number;
      if (octet === CR && octets[at + 1] === LF) {
        out[length++] = CR;
        out[length++] = LF;
        this.#column = 0;
        this.#isContinued = false;
        at += 2;
        continue;
      }
      const endsLine = isLineEnd(octets, at + 1);
      const room = MAX_LINE_OCTETS - this.#column - (endsLine ? 0 : 1);
      if (room < (this.#isPlain(octets, at, endsLine) ? 1 : 3)) {
        out[length++] = EQUALS;
        out[length++] = CR;
        out[length++] = LF;
        this.#column = 0;
        this.#isContinued = true;
      }
      if (this.#isPlain(octets, at, endsLine)) {
        out[length++] = octet;
        this.#column++;
      } else {
        out[length++] = EQUALS;
        out[length++] = HEX[octet >> 4] as number;
        out[length++] = HEX[octet & 15] as number;
        this.#column += 3;
      }
      at++;
    }
    this.#held = octets.subarray(at);
    return out.subarray(0, length);
  }

  /** The short way for most octets: those that stand for themselves whatever comes next. */
  #endOfRun(octets: Buffer, start: number, limit: number): number {
    if (this.#column === 0) return start;
    const end = Math.min(limit, start + MAX_LINE_OCTETS - 1 - this.#column);
    let at = start;
    for (; at < end; at++) {
      const octet = octets[at] as number;
      const isBlankInLine = octet === SPACE && (octets[at + 1] as number) > SPACE;
      if ((octet <= SPACE || octet > 126 || octet === EQUALS) && !isBlankInLine) break;
    }
    return at;
  }

  /** Whether the octet can stand for itself where the line is now. */
  #isPlain(octets: Buffer, at: number, endsLine: boolean): boolean {
    const octet = octets[at] as number;
    if (octet > 126 || octet === EQUALS) return false;
    if (octet <= SPACE) return (octet === SPACE || octet === HTAB) && !endsLine; // rule 3
    if (this.#column > 0) return true;
    if (octet === DOT) return false; // a line of "." alone is taken for the end of data by some
    if (octet === DASH) return !this.#isContinued; // a break must not make a delimiter line
    return octet !== UPPER_F || FROM.compare(octets, at, at + FROM.length) !== 0; // mailbox files put ">" before it
  }
}

/** True at the end of all content too. */
function isLineEnd(octets: Buffer, at: number): boolean {
  return at >= octets.length || (octets[at] === CR && octets[at + 1] === LF);
}
