import { MAX_STEADY_LINE } from "../fold-lines.ts";

const LF = 10;
/** A line that is not too long has its LF, behind its CR, in so many octets. */
const WINDOW = MAX_STEADY_LINE + 2;

/** Finds out whether text has lines that are too long to be left alone on the way; one look for each window. */
export class LineMeter {
  /** Octets of the line in work. */
  #pending = 0;
  #isLong = false;

  write(octets: Buffer): void {
    if (this.#isLong) return;
    let lineStart = -this.#pending;
    while (octets.length - lineStart >= WINDOW) {
      const lastEnd = octets.lastIndexOf(LF, lineStart + WINDOW - 1);
      if (lastEnd < Math.max(lineStart, 0)) {
        this.#isLong = true;
        return;
      }
      lineStart = lastEnd + 1;
    }
    const lastEnd = octets.lastIndexOf(LF);
    this.#pending = octets.length - (lastEnd < 0 ? lineStart : Math.max(lineStart, lastEnd + 1));
  }

  /** The last line may have no CRLF: that of a delimiter is no part of the text. */
  get isLong(): boolean {
    return this.#isLong || this.#pending > MAX_STEADY_LINE;
  }
}
