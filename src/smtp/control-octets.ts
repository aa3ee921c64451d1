/** Octets below this are looked for: NUL, LF and CR are among them, and in mail hardly another but the tab. */
const bound = 0x0e;

/**
 * Finds the control octets of a chunk. Four octets are looked at in one step, which is twice as fast as a search of
 * the system's for each line, and as fast as V8's search in a string, without making one.
 */
export class ControlOctets {
  readonly #octets: Uint8Array;
  /** The octets from `#shift` on, which is where memory is aligned for them. */
  readonly #words: Int32Array;
  readonly #shift: number;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
    this.#shift = -octets.byteOffset & 3;
    const words = Math.max(0, octets.length - this.#shift) >> 2;
    this.#words = new Int32Array(octets.buffer, words === 0 ? 0 : octets.byteOffset + this.#shift, words);
  }

  /** Where the next one is, at `from` or behind; the number of octets when there is none. */
  next(from: number): number {
    const octets = this.#octets;
    const words = this.#words;
    const shift = this.#shift;
    let at = from;
    for (; at < octets.length && ((at - shift) & 3) !== 0; at++)
      if ((octets[at] as number) < bound) return at;
    let word = (at - shift) >> 2;
    if (word >= 0 && word < words.length) {
      // Some octet of x is below n exactly when (x - n…n) & ~x & 0x80…80 is not 0 (Bit Twiddling Hacks, "hasless").
      for (; word < words.length; word++) {
        const four = words[word] as number;
        if (((four - 0x0e0e0e0e) & ~four & 0x80808080) !== 0) break;
      }
      at = shift + word * 4;
    }
    while (at < octets.length && (octets[at] as number) >= bound) at++;
    return at;
  }
}
