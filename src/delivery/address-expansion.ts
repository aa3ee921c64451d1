import type { LeasedMessage, NewMessage, QueuedRecipient, StoredContent } from "../queue/index.ts";
import type { Result } from "./result.ts";

/** Addresses whose mail goes elsewhere than to a mailbox of their own: forwards, lists, those that take reports of others. */
export interface AddressExpansion {
  /** Null: a mailbox, or nobody's. */
  find(address: string): ExpandableAddress | null;
}

export interface ExpandableAddress {
  /** The message goes to the mailbox of that name as well. */
  readonly keeps: boolean;
  /** @param content rejects with a QueueStoreError */
  expand(
    message: LeasedMessage,
    recipient: QueuedRecipient,
    content: () => Promise<StoredContent>,
  ): Promise<Expanded>;
}

export interface Expanded {
  /** Of the address itself. */
  readonly result: Result;
  /** To be queued in the transaction that records a result `delivered`, and only then. */
  readonly messages: readonly NewMessage[];
}

/** Where no address stands for others. */
export const nothingExpands: AddressExpansion = { find: () => null };

/** The first of several that knows an address. */
export function firstExpansion(...expansions: readonly (AddressExpansion | null)[]): AddressExpansion {
  return {
    find: (address) => {
      for (const one of expansions) {
        const found = one?.find(address) ?? null;
        if (found !== null) return found;
      }
      return null;
    },
  };
}
