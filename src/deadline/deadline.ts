/**
 * One connection's only timer. Moving a deadline further away, which happens with every command, costs one
 * assignment: the timer is left as it is, and finds when it fires that it has to go on waiting.
 */
export class Deadline {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | null = null;
  #firesAt = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Calls `expired` in `ms` milliseconds unless set again or cleared before. */
  set(ms: number): void {
    this.#dueAt = performance.now() + ms;
    if (this.#timer === null || this.#dueAt < this.#firesAt) this.#arm(ms);
  }

  clear(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** Gives the timer back; to be called when the connection is gone. */
  close(): void {
    this.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#firesAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#fire(), Math.ceil(ms));
  }

  #fire(): void {
    this.#timer = null;
    if (this.#dueAt === Number.POSITIVE_INFINITY) return;
    const leftMs = this.#dueAt - performance.now();
    // Timers are rounded to milliseconds: what is left below one is noise.
    if (leftMs >= 1) this.#arm(leftMs);
    else {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#expired();
    }
  }
}
