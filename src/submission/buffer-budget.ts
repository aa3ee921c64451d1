/** Octets that all sessions together may hold of messages they are still receiving or signing. */
export class BufferBudget {
  readonly #maxOctets: number;
  #usedOctets = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  get usedOctets(): number {
    return this.#usedOctets;
  }

  take(octets: number): boolean {
    if (this.#usedOctets + octets > this.#maxOctets) return false;
    this.#usedOctets += octets;
    return true;
  }

  giveBack(octets: number): void {
    this.#usedOctets -= octets;
  }
}
