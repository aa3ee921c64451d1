import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { preparePassword, unmatchableHash, verifyPassword } from "./password-hash.ts";

export interface PasswordCheckerOptions {
  /** How long a successful check is remembered. */
  readonly rememberMs?: number;
  /** How many successful checks are remembered. */
  readonly rememberCount?: number;
  /** Hashes computed at once; each holds 19 MiB and one thread. */
  readonly maxConcurrent?: number;
  /** Checks that may wait for a thread; further ones are answered `busy`. */
  readonly maxWaiting?: number;
}

/**
 * Checks passwords at a bounded cost. Successful checks are remembered briefly under an HMAC (with a key made at
 * start) of account, stored hash and password: no plain password is kept, and a changed password is a
 * different entry at once. Failures are never remembered.
 */
export class PasswordChecker {
  readonly #remembered: LRUCache<string, true>;
  readonly #macKey = randomBytes(32);
  readonly #unmatchable = unmatchableHash();
  readonly #maxConcurrent: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: PasswordCheckerOptions = {}) {
    this.#remembered = new LRUCache({
      max: options.rememberCount ?? 10_000,
      ttl: options.rememberMs ?? 300_000,
    });
    this.#maxConcurrent = options.maxConcurrent ?? 2;
    this.#maxWaiting = options.maxWaiting ?? 100;
  }

  /** @param credential null when there is no such account: checking then costs as much as for a real one */
  async check(
    credential: { readonly accountId: string; readonly hash: string } | null,
    password: string,
  ): Promise<"match" | "mismatch" | "busy"> {
    const prepared = preparePassword(password);
    const memory = credential && prepared !== null ? this.#memoryKey(credential, prepared) : null;
    if (memory !== null && this.#remembered.get(memory)) return "match";
    if (!(await this.#takeSlot())) return "busy";
    try {
      const matches = await verifyPassword(prepared ?? "", credential?.hash ?? this.#unmatchable);
      if (!matches || memory === null) return "mismatch";
      this.#remembered.set(memory, true);
      return "match";
    } finally {
      this.#returnSlot();
    }
  }

  #memoryKey(credential: { accountId: string; hash: string }, password: string): string {
    return createHmac("sha256", this.#macKey)
      .update(`${credential.accountId}\0${credential.hash}\0${password}`)
      .digest("base64");
  }

  async #takeSlot(): Promise<boolean> {
    if (this.#running < this.#maxConcurrent) {
      this.#running++;
      return true;
    }
    if (this.#waiting.length >= this.#maxWaiting) return false;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  }

  /** A slot goes straight to the one who waited longest, so that none can slip in between. */
  #returnSlot(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}
