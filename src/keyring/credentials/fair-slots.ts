/**
 * Places for costly work, and a bounded queue before them. Whoever asks most does not keep the others out: those who wait
 * have their turns by name, one each, and when the queue is full the one who waits most often gives way.
 */
export class FairSlots {
  readonly #slots: number;
  readonly #maxWaiting: number;
  /** By name, in the order of their turns. */
  readonly #waiting = new Map<string, ((hasSlot: boolean) => void)[]>();
  #waitingCount = 0;
  #taken = 0;

  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  /** @returns false: too many wait already. Otherwise {@link give} must follow */
  async take(name: string): Promise<boolean> {
    if (this.#taken < this.#slots) {
      this.#taken++;
      return true;
    }
    if (this.#waitingCount >= this.#maxWaiting && !this.#makeRoom(name)) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const own = this.#waiting.get(name);
    if (own === undefined) this.#waiting.set(name, [resolve]);
    else own.push(resolve);
    this.#waitingCount++;
    return promise;
  }

  /** The slot goes straight to whoever's turn it is, so that none can slip in between. */
  give(): void {
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#taken--;
      return;
    }
    const [name, [first, ...others]] = turn;
    this.#waiting.delete(name);
    if (others.length > 0) this.#waiting.set(name, others); // behind everybody else
    this.#waitingCount--;
    first?.(true);
  }

  /** Turns away one of the name that waits most often, if that is more often than this one would. */
  #makeRoom(name: string): boolean {
    let most: ((hasSlot: boolean) => void)[] = [];
    for (const waiting of this.#waiting.values()) if (waiting.length > most.length) most = waiting;
    const own = this.#waiting.get(name)?.length ?? 0;
    if (most.length <= own + 1) return false;
    this.#waitingCount--;
    most.pop()?.(false);
    return true;
  }
}
