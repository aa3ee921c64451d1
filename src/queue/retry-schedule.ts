export interface RetryOptions {
  /** Wait after the first attempt; most greylisting is over by then. */
  readonly firstDelayMs?: number;
  /** Each wait is this many times the one before. */
  readonly factor?: number;
  readonly maxDelayMs?: number;
  /** Each wait is changed by up to this share, so that messages deferred together do not return together. */
  readonly jitter?: number;
  /** A message that is older when an attempt ends is given up (RFC 5321 §4.5.4.1: at least 4–5 days). */
  readonly maxAgeMs?: number;
}

const MINUTE = 60_000;

/** When a deferred message is tried again. */
export class RetrySchedule {
  readonly #firstDelayMs: number;
  readonly #factor: number;
  readonly #maxDelayMs: number;
  readonly #jitter: number;
  readonly #maxAgeMs: number;
  readonly #random: () => number;

  /** @param random uniform in [0, 1) */
  constructor(options: RetryOptions = {}, random: () => number = Math.random) {
    this.#firstDelayMs = options.firstDelayMs ?? 5 * MINUTE;
    this.#factor = options.factor ?? 2;
    this.#maxDelayMs = options.maxDelayMs ?? 240 * MINUTE;
    this.#jitter = options.jitter ?? 0.2;
    this.#maxAgeMs = options.maxAgeMs ?? 5 * 24 * 60 * MINUTE;
    this.#random = random;
  }

  /**
   * When the attempt after this one is due, Unix milliseconds, or null to give up. The last attempt is made when
   * the message reaches its greatest age, not a whole wait before.
   *
   * @param attempt the attempt that just ended, counted from 1
   */
  next(attempt: number, enqueuedAt: number, now: number): number | null {
    const lastAt = enqueuedAt + this.#maxAgeMs;
    if (now >= lastAt) return null;
    const plain = Math.min(this.#maxDelayMs, this.#firstDelayMs * this.#factor ** (attempt - 1));
    const delayMs = plain * (1 + this.#jitter * (2 * this.#random() - 1));
    return Math.round(Math.min(now + delayMs, lastAt));
  }
}
