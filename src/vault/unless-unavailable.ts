import { KeyringStoreError, MasterKeyError } from "../keyring/index.ts";
import type { Unavailable } from "../signing/index.ts";

/** Where the key store or the master key fails, users are told to try again: that is an answer, not a mistake. */
export async function unlessUnavailable<T>(ask: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof KeyringStoreError || error instanceof MasterKeyError) {
      return { kind: "unavailable", cause: error };
    }
    throw error;
  }
}
