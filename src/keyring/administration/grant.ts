import type { GrantRecord } from "../records.ts";
import { addressName, domainName } from "./names.ts";
import type { Failure } from "./outcome.ts";

/** A grant as the administrator writes it: an address, or `@domain` for every address of a domain. */
export interface GrantOptions {
  readonly kind: GrantRecord["kind"];
  readonly target: string;
}

export function parseGrant({
  kind,
  target,
}: GrantOptions): { readonly ok: true; readonly grant: GrantRecord } | Failure {
  const name = target.startsWith("@") ? domainName(target.slice(1)) : addressName(target);
  if (!name.ok) return name;
  return {
    ok: true,
    grant: { kind, target: "domain" in name ? { domain: name.domain } : { address: name.address } },
  };
}
