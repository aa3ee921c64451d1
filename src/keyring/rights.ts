import { type Address, addressText } from "../message/index.ts";
import type { AccountRights, GrantKind } from "./records.ts";

/** The inverse of `addressText`: a canonical domain holds no "@", a local part may. */
export function storedAddress(text: string): Address {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), domain: text.slice(at + 1) };
}

export function ownsAddress(rights: AccountRights, address: Address): boolean {
  return rights.addresses.includes(addressText(address));
}

function hasGrant(rights: AccountRights, kind: GrantKind, address: Address): boolean {
  const text = addressText(address);
  return rights.grants.some(
    (grant) =>
      grant.kind === kind &&
      ("address" in grant.target ? grant.target.address === text : grant.target.domain === address.domain),
  );
}

/** *Send as* (SUB-2): may the account sign as this address? */
export function maySignAs(rights: AccountRights, address: Address): boolean {
  return ownsAddress(rights, address) || hasGrant(rights, "send-as", address);
}

/** May the account write From this address, with an identity of its own in Sender where it may not sign as it? */
export function mayWriteFrom(rights: AccountRights, address: Address): boolean {
  return maySignAs(rights, address) || hasGrant(rights, "on-behalf", address);
}

/**
 * Who signs what is written on behalf of an address (SUB-3): an own address in the domain of From, since no grant
 * reaches across domains (IDY-10); else the primary one.
 *
 * @param scope an app password's addresses, of which it must be one; null: any
 */
export function agentFor(
  rights: AccountRights,
  from: Address,
  scope: readonly string[] | null,
): Address | null {
  const own = rights.addresses
    .filter((address) => scope === null || scope.includes(address))
    .map(storedAddress);
  return own.find(({ domain }) => domain === from.domain) ?? own[0] ?? null;
}
