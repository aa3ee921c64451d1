import type { SenderStanding } from "../delivery/index.ts";
import { type KeyringStore, KeyringStoreError, KeyStanding } from "../keyring/index.ts";
import type { LeasedMessage } from "../queue/index.ts";

/** Where the key store is in reach it says how keys stand, at once after every change. */
export class KeyringStanding implements SenderStanding {
  readonly #keys: KeyStanding;

  constructor(store: KeyringStore) {
    this.#keys = new KeyStanding(store);
  }

  async problem({ kids }: LeasedMessage): Promise<string | null> {
    try {
      for (const kid of kids) {
        const state = await this.#keys.stateOf(kid);
        if (state !== "active" && state !== "retired") return keyProblems[state ?? "no-key"];
      }
      return null;
    } catch (error) {
      // Receivers look too: mail does not wait for a key store that cannot answer now.
      if (error instanceof KeyringStoreError) return null;
      throw error;
    }
  }
}

/** Why what a key signed is not sent any more, for people. */
export const keyProblems = {
  revoked:
    "the key that signed it is revoked: its account was re-keyed, or suspended and resumed, or removed",
  suspended: "the account whose key signed it is suspended",
  "no-key": "the key that signed it is unknown: its account may have been removed",
} as const;
