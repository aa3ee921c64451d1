/** So many pieces are kept as they came; what is small after them shares blocks. */
const keptPieces = 64;
const smallOctets = 1 << 10;
const blockOctets = 8 << 10;

/**
 * Octets in order. Most come in a few pieces, which are kept as they are; a sender who sends them one by one must not
 * make each cost a hundred.
 */
export class PieceList {
  #pieces: Uint8Array[] = [];
  #octets = 0;
  /** The last piece, where it is one of ours with room. */
  #block: Uint8Array | null = null;
  #filled = 0;

  get octets(): number {
    return this.#octets;
  }

  /** As they are now; what is added later is not in it. */
  get pieces(): readonly Uint8Array[] {
    return [...this.#pieces];
  }

  /** @param piece kept: it must not change any more */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#octets += piece.length;
    if (piece.length > smallOctets || this.#pieces.length < keptPieces) {
      this.#block = null;
      this.#pieces.push(piece);
      return;
    }
    if (this.#block === null || this.#filled + piece.length > blockOctets) {
      this.#block = new Uint8Array(blockOctets);
      this.#filled = 0;
      this.#pieces.push(this.#block);
    }
    this.#block.set(piece, this.#filled);
    this.#filled += piece.length;
    this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, this.#filled);
  }

  /** All of them; the list is empty then. */
  take(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#octets = 0;
    this.#block = null;
    return pieces;
  }
}
