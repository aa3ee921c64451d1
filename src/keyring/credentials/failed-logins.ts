import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";

/** Different wrong passwords for one account from one network, until it is made to wait. */
const MAX_GUESSES = 10;
const WINDOW_MS = 10 * 60_000;
const MAX_REMEMBERED = 20_000;

/**
 * Slows down guessing: after ten wrong passwords for one account from one client network within ten minutes, further
 * attempts of that network are answered unexamined until those ten minutes are over. Nobody can lock a user out from
 * elsewhere, and a forgotten device that tries the same old password for ever neither counts again nor costs a hash.
 */
export class FailedLogins {
  readonly #guesses: LRUCache<string, Set<string>>;
  readonly #macKey = randomBytes(32);

  constructor(clock: { now(): number }) {
    this.#guesses = new LRUCache({
      max: MAX_REMEMBERED,
      ttl: WINDOW_MS,
      ttlResolution: 0,
      noUpdateTTL: true,
      perf: clock,
    });
  }

  /**
   * @param who account and client network
   * @param guess what is tried, and against what
   * @returns `known`: the same was wrong before; `wait`: too many others were
   */
  judge(who: string, guess: string): "try" | "known" | "wait" {
    const guesses = this.#guesses.get(this.#mac(who));
    if (guesses === undefined) return "try";
    if (guesses.has(this.#mac(guess))) return "known";
    return guesses.size < MAX_GUESSES ? "try" : "wait";
  }

  /** @returns whether that was the last one that is examined */
  add(who: string, guess: string): boolean {
    const key = this.#mac(who);
    let guesses = this.#guesses.get(key);
    if (guesses === undefined) {
      guesses = new Set();
      this.#guesses.set(key, guesses);
    }
    guesses.add(this.#mac(guess));
    return guesses.size === MAX_GUESSES;
  }

  /** Short, and no password can be read from it. */
  #mac(text: string): string {
    return createHmac("sha256", this.#macKey).update(text).digest("base64url").slice(0, 16);
  }
}
