export interface RetryOptions {
  /** Wait after the first attempt; most greylisting is over by then. */
  readonly firstDelayMs?: number;
  /** Each wait is this many times the one before. */
  readonly factor?: number;
  readonly maxDelayMs?: number;
  /** Each wait is changed by up to this share, so that what was deferred together does not return together. */
  readonly jitter?: number;
}

const MINUTE = 60_000;

/** When what failed is tried again. How long it is tried at all is the queue's to say (RFC 5321 §4.5.4.1). */
export class RetrySchedule {
  readonly #firstDelayMs: number;
  readonly #factor: number;
  readonly #maxDelayMs: number;
  readonly #jitter: number;
  readonly #random: () => number;

  /** @param random uniform in [0, 1) */
  constructor(options: RetryOptions = {}, random: () => number = Math.random) {
    this.#firstDelayMs = options.firstDelayMs ?? 5 * MINUTE;
    this.#factor = options.factor ?? 2;
    this.#maxDelayMs = options.maxDelayMs ?? 240 * MINUTE;
    this.#jitter = options.jitter ?? 0.2;
    this.#random = random;
  }

  /**
   * When the attempt after this one is due, Unix milliseconds.
   *
   * @param attempt the attempt that just ended, counted from 1
   */
  next(attempt: number, now: number): number {
    const plain = Math.min(this.#maxDelayMs, this.#firstDelayMs * this.#factor ** (attempt - 1));
    return Math.round(now + plain * (1 + this.#jitter * (2 * this.#random() - 1)));
  }
}
