import { FreshCache } from "./fresh-cache.ts";
import type { KeyringStore } from "./keyring-store.ts";
import type { KeyState } from "./records.ts";

interface Standing {
  readonly state: KeyState | "suspended";
  readonly accountId: string;
}

const REMEMBERED_KEYS = 20_000;

/** How keys stand now, for whoever holds mail that they signed: remembered until their account changes. */
export class KeyStanding {
  readonly #standings: FreshCache<Standing>;

  constructor(store: KeyringStore) {
    this.#standings = new FreshCache<Standing>(
      store,
      REMEMBERED_KEYS,
      async (kid) => {
        const key = await store.key(kid);
        const account = key && (await store.account(key.accountId));
        if (key === null || account === null) return null;
        const suspended = account.state === "suspended" && key.state !== "revoked";
        return { state: suspended ? "suspended" : key.state, accountId: account.id };
      },
      ({ accountId }) => [accountId],
    );
  }

  /**
   * `suspended`: its account is, and the key is not revoked (LIF-11). Null: there is no such key.
   *
   * @throws KeyringStoreError
   */
  async stateOf(kid: string): Promise<KeyState | "suspended" | null> {
    return (await this.#standings.get(kid))?.state ?? null;
  }
}
