import { type Address, addressText, type Header, parseAddress } from "../message/index.ts";
import { MAX_RECIPIENTS } from "../signature/index.ts";
import { type Copy, visibleRecipients } from "./copies.ts";

/**
 * One copy for all recipients, where the host cannot send them different ones (RCP-7, decision 0123). A sole recipient is bound,
 * whoever he is. Else those are whom To or Cc names: never a blind one, since all others could test for him (RCP-4,
 * RCP-5). More than 32 (RCP-6), or none, bind nobody.
 */
export function asOneCopy(recipients: readonly string[], header: Header): Copy {
  const addresses = new Map<string, Address>();
  let hasUnsigned = false;
  for (const text of recipients) {
    const parsed = parseAddress(text);
    if (parsed.ok) addresses.set(addressText(parsed.address), parsed.address);
    else hasUnsigned = true;
  }
  if (addresses.size === 1 && !hasUnsigned) return { recipients, bound: [...addresses.values()] };
  const visible = visibleRecipients(header);
  const named = [...addresses].filter(([text]) => visible.has(text)).map(([, address]) => address);
  return { recipients, bound: named.length > MAX_RECIPIENTS ? [] : named };
}
