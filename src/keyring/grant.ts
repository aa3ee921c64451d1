import { addressText, canonicalDomain, parseAddress } from "../message/index.ts";
import type { Outcome } from "./outcome.ts";
import type { GrantRecord } from "./records.ts";

/** A grant as the administrator writes it: an address, or `@domain` for every address of a domain. */
export interface GrantOptions {
  readonly kind: GrantRecord["kind"];
  readonly target: string;
}

export function parseGrant(options: GrantOptions): GrantRecord | (Outcome & { ok: false }) {
  const { kind, target } = options;
  if (target.startsWith("@")) {
    const domain = canonicalDomain(target.slice(1));
    if (domain === null) return { ok: false, problem: "syntax", detail: `"${target}" is not a mail domain` };
    return { kind, target: { domain } };
  }
  const parsed = parseAddress(target);
  if (!parsed.ok) return { ok: false, problem: "syntax", detail: `"${target}": ${parsed.detail}` };
  return { kind, target: { address: addressText(parsed.address) } };
}
