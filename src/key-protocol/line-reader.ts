const LF = 10;
const CR = 13;

/**
 * Cuts what a server sends into lines, one character for each octet. It holds at most one line that is not
 * complete, so a server that never ends a line costs that much memory and no more.
 */
export class LineReader {
  readonly #maxOctets: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param maxOctets longest line with its CRLF (KEY-2) */
  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  /** Octets that belong to no complete line yet. */
  get pendingOctets(): number {
    return this.#rest.length;
  }

  /**
   * Takes octets as they arrived and passes on each line without its CRLF.
   *
   * @param take false ends it: the octets behind that line stay pending
   * @returns what is wrong with the octets, or null
   */
  push(octets: Buffer, take: (line: string) => boolean): string | null {
    const all = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    let start = 0;
    let problem: string | null = null;
    for (let wanted = true; wanted; ) {
      const end = all.indexOf(LF, start);
      const length = (end < 0 ? all.length : end + 1) - start;
      if (length > this.#maxOctets) problem = `a line has more than ${this.#maxOctets} octets`;
      else if (end >= 0 && (end === start || all[end - 1] !== CR)) problem = "a line does not end in CRLF";
      if (problem !== null || end < 0) break;
      wanted = take(all.toString("latin1", start, end - 1));
      start = end + 1;
    }
    // Copied, so that a short rest does not hold a whole read in memory.
    this.#rest = problem === null ? Buffer.from(all.subarray(start)) : Buffer.alloc(0);
    return problem;
  }
}
