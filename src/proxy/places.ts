/** Lets so many in at a time; the others wait in line, and not for ever. */
export class Places {
  #free: number;
  readonly #waiting: ((entered: boolean) => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  get free(): number {
    return this.#free;
  }

  /** Resolves when it is one's turn; `leave` ends it. False: it was not in time. */
  async enter(waitMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push(resolve);
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      resolve(false);
    }, waitMs);
    const entered = await promise;
    clearTimeout(timer);
    return entered;
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next(true);
  }
}
