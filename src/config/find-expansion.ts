import { LIST_SUFFIXES } from "./build-forwards.ts";
import type { Forward, HostedDomain, MailingList } from "./hosted-domain.ts";

/** What an address stands for that is no mailbox, or not only one. */
export type Expansion =
  | { readonly kind: "forward"; readonly forward: Forward }
  | { readonly kind: "list"; readonly name: string; readonly list: MailingList }
  /** What comes back from a list's members, and what is for its owner. */
  | { readonly kind: "list-owner"; readonly name: string; readonly list: MailingList };

/** @param localPart canonical. Null: there is at most a mailbox. */
export function findExpansion(
  { forwards, lists }: Pick<HostedDomain, "forwards" | "lists">,
  localPart: string,
): Expansion | null {
  const forward = forwards.get(localPart);
  if (forward !== undefined) return { kind: "forward", forward };
  const list = lists.get(localPart);
  if (list !== undefined) return { kind: "list", name: localPart, list };
  for (const suffix of LIST_SUFFIXES) {
    if (!localPart.endsWith(suffix)) continue;
    const name = localPart.slice(0, -suffix.length);
    const owned = lists.get(name);
    if (owned !== undefined) return { kind: "list-owner", name, list: owned };
  }
  return null;
}
