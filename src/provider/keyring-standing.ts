import type { SenderStanding } from "../delivery/index.ts";
import { type AccountRecord, type KeyringStore, KeyringStoreError, KeyStanding } from "../keyring/index.ts";
import type { LeasedMessage } from "../queue/index.ts";

/** Where the key store is in reach it says how keys stand, at once after every change. */
export class KeyringStanding implements SenderStanding {
  readonly #keys: KeyStanding;

  constructor(store: KeyringStore) {
    this.#keys = new KeyStanding(store);
  }

  async problem({ kids, account, enqueuedAt }: LeasedMessage): Promise<string | null> {
    try {
      for (const kid of kids) {
        const state = await this.#keys.stateOf(kid);
        if (state !== "active" && state !== "retired") return keyProblems[state ?? "no-key"];
      }
      // Whoever sends as somebody else (SUB-2) has that account's key sign, which stays good when he is stopped.
      const sender = account === null ? null : await this.#keys.account(account);
      return sender && senderProblem(sender, enqueuedAt);
    } catch (error) {
      // Receivers look too: mail does not wait for a key store that cannot answer now.
      if (error instanceof KeyringStoreError) return null;
      throw error;
    }
  }
}

/** As with the keys of an account (LIF-13), what is older than the end of its suspension is not sent either. */
function senderProblem({ state, stateSince, createdAt }: AccountRecord, enqueuedAt: number): string | null {
  if (state !== "active") return `the account that sent it is ${state}`;
  const wasSuspended = stateSince > createdAt && enqueuedAt < stateSince * 1000;
  return wasSuspended ? "the account that sent it was suspended since" : null;
}

/** Why what a key signed is not sent any more, for people. */
export const keyProblems = {
  revoked:
    "the key that signed it is revoked: its account was re-keyed, or suspended and resumed, or removed",
  suspended: "the account whose key signed it is suspended",
  "no-key": "the key that signed it is unknown: its account may have been removed",
} as const;
