import { addressText, canonicalDomain, parseAddress } from "../../message/index.ts";
import type { Failure } from "./outcome.ts";

// Names as people write them, in the canonical form of the store.

export function domainName(text: string): { readonly ok: true; readonly domain: string } | Failure {
  const domain = canonicalDomain(text);
  if (domain !== null) return { ok: true, domain };
  return { ok: false, problem: "syntax", detail: `"${text}" is not a mail domain` };
}

export function addressName(text: string): { readonly ok: true; readonly address: string } | Failure {
  const parsed = parseAddress(text);
  if (parsed.ok) return { ok: true, address: addressText(parsed.address) };
  return { ok: false, problem: "syntax", detail: `"${text}": ${parsed.detail}` };
}

/** All of them, or the first mistake. */
export function addressNames(
  texts: readonly string[],
): { readonly ok: true; readonly addresses: readonly string[] } | Failure {
  const addresses: string[] = [];
  for (const text of texts) {
    const name = addressName(text);
    if (!name.ok) return name;
    addresses.push(name.address);
  }
  return { ok: true, addresses };
}
