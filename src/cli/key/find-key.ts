import type { KeyRecord, Keyring } from "../../keyring/index.ts";
import { isId16 } from "../../signature/index.ts";
import { UsageError } from "../usage-error.ts";

/** The key that the command line names by its id. */
export async function findKey(keyring: Keyring, text: string): Promise<KeyRecord> {
  if (!isId16(text)) throw new UsageError(`"${text}" is no key id: 22 characters of base64url`);
  const key = await keyring.key(text);
  if (key === null)
    throw new UsageError(`${text}: there is no such key here; vsmtp key list ADDRESS shows an account's`);
  return key;
}
