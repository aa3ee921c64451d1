import { FreshCache } from "./fresh-cache.ts";
import type { KeyringStore } from "./keyring-store.ts";
import type { AccountRecord, KeyState } from "./records.ts";

interface Standing {
  readonly state: KeyState | "suspended";
  readonly accountId: string;
}

const REMEMBERED_KEYS = 20_000;
const REMEMBERED_ACCOUNTS = 10_000;

/** How keys and their users stand now, for whoever holds mail of theirs: remembered until the account changes. */
export class KeyStanding {
  readonly #standings: FreshCache<Standing>;
  readonly #accounts: FreshCache<AccountRecord>;

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
    this.#accounts = new FreshCache<AccountRecord>(
      store,
      REMEMBERED_ACCOUNTS,
      (id) => store.account(id),
      ({ id }) => [id],
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

  /**
   * Null: there is no such account.
   *
   * @throws KeyringStoreError
   */
  account(accountId: string): Promise<AccountRecord | null> {
    return this.#accounts.get(accountId);
  }
}
