/** Bounds what all attempts together hold of messages' contents; who asks for too much waits. */
export class ContentBudget {
  readonly #limit: number;
  readonly #waiting: { readonly octets: number; readonly go: () => void }[] = [];
  #held = 0;

  constructor(limitOctets: number) {
    this.#limit = limitOctets;
  }

  /** Resolves when there is room, in the order of the calls. Something larger than all room waits until it is alone. */
  async take(octets: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(octets)) {
      this.#held += octets;
      return;
    }
    await new Promise<void>((go) => this.#waiting.push({ octets, go }));
  }

  /** What was taken turned out to be another number: it is held from now on. */
  correct(taken: number, octets: number): void {
    this.giveBack(taken - octets);
  }

  giveBack(octets: number): void {
    this.#held -= octets;
    for (let first = this.#waiting[0]; first && this.#fits(first.octets); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += first.octets;
      first.go();
    }
  }

  #fits(octets: number): boolean {
    return this.#held === 0 || this.#held + octets <= this.#limit;
  }
}
