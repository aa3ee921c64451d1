import { LRUCache } from "lru-cache";
import type { SigningKey } from "../signature/index.ts";
import { FreshCache } from "./fresh-cache.ts";
import { openAccountKey } from "./key-pair.ts";
import type { KeyringStore } from "./keyring-store.ts";
import type { MasterKey } from "./master-key.ts";

/** An unsealed key stays in memory no longer than a submission server may keep one (SPEC §6.3: `exp`). */
const KEEP_MS = 900_000;

/**
 * The private keys of accounts that sign just now, unsealed, in memory only. Which key signs is asked again
 * whenever the store has changed; unsealing is done once for each key.
 */
export class SigningKeys {
  readonly #masterKey: MasterKey;
  readonly #store: KeyringStore;
  readonly #current: FreshCache<SigningKey>;
  readonly #unsealed: LRUCache<string, SigningKey>;

  constructor(store: KeyringStore, masterKey: MasterKey, max: number) {
    this.#store = store;
    this.#masterKey = masterKey;
    this.#current = new FreshCache(store, max, (accountId) => this.#load(accountId));
    this.#unsealed = new LRUCache({ max, ttl: KEEP_MS, ttlAutopurge: false });
  }

  /** The key that signs for an account now; null when it has none. */
  get(accountId: string): Promise<SigningKey | null> {
    return this.#current.get(accountId);
  }

  forget(accountId: string): void {
    this.#unsealed.delete(accountId);
  }

  async #load(accountId: string): Promise<SigningKey | null> {
    const record = await this.#store.activeKey(accountId);
    if (record === null) {
      this.#unsealed.delete(accountId);
      return null;
    }
    const held = this.#unsealed.get(accountId);
    if (held?.kid === record.kid) return held;
    const privateKey = openAccountKey(record, accountId, this.#masterKey);
    const key: SigningKey = { kid: record.kid, algorithm: record.algorithm, privateKey };
    this.#unsealed.set(accountId, key);
    return key;
  }
}
