import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { FairSlots } from "./fair-slots.ts";
import { unmatchableHash, verifyPassword } from "./password-hash.ts";

export interface PasswordCheckerOptions {
  /** How long a successful check is remembered. */
  readonly rememberMs?: number;
  /** How many successful checks are remembered. */
  readonly rememberCount?: number;
  /** Hashes computed at once; each holds 19 MiB and one thread. */
  readonly maxConcurrent?: number;
  /** Checks that may wait for a thread; of further ones some are answered `busy`. */
  readonly maxWaiting?: number;
}

/** A stored password hash and whose it is. */
export interface StoredPassword {
  readonly accountId: string;
  readonly hash: string;
}

export type PasswordCheck<Opened> =
  | { readonly kind: "match"; readonly opened: Opened }
  | { readonly kind: "mismatch" }
  | { readonly kind: "busy" };

/**
 * Checks passwords at a bounded cost. Successful checks are remembered briefly, with what the password opened, under an
 * HMAC (with a key made at start) of account, stored hash and password: no plain password is kept, and a changed
 * password is a different entry at once. Failures are never remembered.
 *
 * @typeParam Opened what a right password opens: a derivation as costly as the check
 */
export class PasswordChecker<Opened> {
  readonly #remembered: LRUCache<string, { readonly opened: Opened }>;
  readonly #macKey = randomBytes(32);
  readonly #unmatchable = unmatchableHash();
  readonly #slots: FairSlots;

  constructor(options: PasswordCheckerOptions = {}) {
    this.#remembered = new LRUCache({
      max: options.rememberCount ?? 10_000,
      ttl: options.rememberMs ?? 300_000,
      ttlAutopurge: true, // what was opened is a secret: it goes when its time is over, asked for or not
    });
    this.#slots = new FairSlots(options.maxConcurrent ?? 2, options.maxWaiting ?? 100);
  }

  /**
   * @param stored null when there is no such account: checking then costs as much as for a real one
   * @param prepared see `preparePassword`; null for what can be no password
   * @param network who asks: those of one network wait for each other first
   * @param open called once, when the password matches; a rejection is passed on, and nothing is remembered
   */
  async check(
    stored: StoredPassword | null,
    prepared: string | null,
    network: string,
    open: () => Promise<Opened>,
  ): Promise<PasswordCheck<Opened>> {
    const memory = stored !== null && prepared !== null ? this.#memoryKey(stored, prepared) : null;
    const remembered = memory === null ? undefined : this.#remembered.get(memory);
    if (remembered !== undefined) return { kind: "match", ...remembered };
    if (!(await this.#slots.take(network))) return { kind: "busy" };
    try {
      const matches = await verifyPassword(prepared ?? "", stored?.hash ?? this.#unmatchable);
      if (!matches || memory === null) return { kind: "mismatch" };
      const opened = await open();
      this.#remembered.set(memory, { opened });
      return { kind: "match", opened };
    } finally {
      this.#slots.give();
    }
  }

  #memoryKey({ accountId, hash }: StoredPassword, password: string): string {
    return createHmac("sha256", this.#macKey).update(`${accountId}\0${hash}\0${password}`).digest("base64");
  }
}
