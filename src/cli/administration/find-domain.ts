import type { DomainRecord, Keyring } from "../../keyring/index.ts";
import { canonicalDomain } from "../../message/index.ts";
import { UsageError } from "../usage-error.ts";

/** A domain in the form in which it is stored. */
export function domainName(text: string): string {
  const name = canonicalDomain(text);
  if (name === null) throw new UsageError(`"${text}" is not a mail domain`);
  return name;
}

/** A domain that is hosted here. */
export async function findDomain(keyring: Keyring, text: string): Promise<DomainRecord> {
  const name = domainName(text);
  const domain = await keyring.domain(name);
  if (domain === null) throw new UsageError(`${name} is not hosted here; vsmtp domain list tells what is`);
  return domain;
}

/** `--domain NAME`: the one domain that a command is for; null: all. */
export async function chosenDomain(keyring: Keyring, text: string | undefined): Promise<string | null> {
  return text === undefined ? null : (await findDomain(keyring, text)).name;
}
