import { LRUCache } from "lru-cache";
import type { SigningKey } from "../signature/index.ts";
import { FreshCache } from "./fresh-cache.ts";
import { openAccountKey } from "./key-pair.ts";
import type { KeyringStore } from "./keyring-store.ts";
import type { MasterKey } from "./master-key.ts";
import type { PublicKeyRecord, SealedKeyPair } from "./records.ts";
import type { User } from "./user.ts";

/** An unsealed key stays in memory no longer than a submission server may keep one (SPEC §6.3: `exp`). */
const KEEP_MS = 900_000;

type StoredKey = SealedKeyPair & PublicKeyRecord;

/**
 * The private keys of accounts that sign just now, unsealed, in memory only. Which key signs is asked again
 * whenever the account has changed; unsealing is done once for each key. What opens by a user's key lock only is kept
 * with that user's login, and gone with it.
 */
export class SigningKeys {
  readonly #masterKey: MasterKey;
  readonly #stored: FreshCache<StoredKey>;
  readonly #unsealed: LRUCache<string, SigningKey>;
  readonly #ofUsers = new WeakMap<User, SigningKey>();

  constructor(store: KeyringStore, masterKey: MasterKey, max: number) {
    this.#masterKey = masterKey;
    this.#stored = new FreshCache<StoredKey>(
      store,
      max,
      (accountId) => store.activeKey(accountId),
      (_key, accountId) => [accountId],
    );
    this.#unsealed = new LRUCache({ max, ttl: KEEP_MS, ttlAutopurge: true });
  }

  /**
   * The key that signs for an account now.
   *
   * @param user who signs; its key lock opens its own account's key
   * @returns `locked`: it is under a key lock that this user does not open
   */
  async get(accountId: string, user: User): Promise<SigningKey | "locked" | null> {
    const stored = await this.#stored.get(accountId);
    if (stored === null) return null;
    const held = this.#unsealed.get(accountId) ?? this.#ofUsers.get(user);
    if (held?.kid === stored.kid) return held;
    const keyLock = user.account.id === accountId ? user.keyLock : null;
    const privateKey = openAccountKey(stored, accountId, this.#masterKey, keyLock);
    if (privateKey === null) return "locked";
    const key: SigningKey = { kid: stored.kid, algorithm: stored.algorithm, privateKey };
    if (keyLock === null) this.#unsealed.set(accountId, key);
    else this.#ofUsers.set(user, key);
    return key;
  }
}
