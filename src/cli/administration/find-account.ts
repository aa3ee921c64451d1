import type { AccountRecord, Keyring } from "../../keyring/index.ts";
import { type Address, addressText, parseAddress } from "../../message/index.ts";
import { UsageError } from "../usage-error.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new UsageError(`"${text}" is no address of an account: ${parsed.detail}`);
  return parsed.address;
}

/** An address in the form in which it is stored. */
export function canonicalAddress(text: string): string {
  return addressText(address(text));
}

/** The account that owns an address, which the command line names by any of its addresses. */
export async function findAccount(keyring: Keyring, text: string): Promise<AccountRecord> {
  const account = await keyring.owner(address(text));
  if (account === null) throw new UsageError(`${text}: no account has this address`);
  return account;
}
