import type { AccountRecord, Keyring } from "../../keyring/index.ts";
import { addressText, parseAddress } from "../../message/index.ts";
import { UsageError } from "../usage-error.ts";

/** An address in the form in which it is stored. */
export function canonicalAddress(text: string): string {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new UsageError(`"${text}" is no address of an account: ${parsed.detail}`);
  return addressText(parsed.address);
}

/** The account that the command line names by any of its addresses, or by its id, which removed accounts have only. */
export async function findAccount(keyring: Keyring, name: string): Promise<AccountRecord> {
  const account = await keyring.account(name);
  if (account !== null) return account;
  throw new UsageError(
    `${name.includes("@") ? canonicalAddress(name) : name}: no account has this address or id`,
  );
}
