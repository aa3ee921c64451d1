/** Large enough for a dozen full pipelines; a client that does not read holds on to one. */
const SLAB_OCTETS = 64 * 1024;

/**
 * Turns text into octets that lie side by side in large blocks. A block of its own for every write of a few KiB is
 * what the server would otherwise spend much of its time on.
 */
export class OctetSlab {
  #slab = Buffer.alloc(0);
  #used = 0;

  /** @param text one character for each octet */
  octets(text: string): Buffer {
    if (text.length > SLAB_OCTETS / 4) return Buffer.from(text, "latin1");
    if (this.#used + text.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_OCTETS);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#slab.write(text, start, "latin1");
    return this.#slab.subarray(start, this.#used);
  }
}
