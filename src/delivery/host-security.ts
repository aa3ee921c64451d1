import type { Resolver } from "../dns/index.ts";
import { coversMailHost, lookUpTlsa, type MtaStsPolicy } from "../transport-security/index.ts";
import type { Security } from "./security.ts";

/** What is known of a domain before its hosts are looked at one by one. */
export interface DomainSecurity {
  readonly domain: string;
  /** DNSSEC vouches for the choice of hosts. */
  readonly hostsAuthenticated: boolean;
  /** Null: there is none, or it is not asked for. */
  readonly policy: MtaStsPolicy | null;
  readonly dane: boolean;
}

export type HostSecurity =
  | { readonly kind: "security"; readonly security: Security }
  /** No mail goes there. */
  | { readonly kind: "skip"; readonly enhanced: string; readonly detail: string };

/**
 * What a connection to one mail host of a domain has to be: DANE where the host has it, which outweighs MTA-STS (RFC
 * 8461 §2), else what the domain's MTA-STS policy says, else whatever TLS there is.
 *
 * @param addresses the answer that the host's addresses came from
 * @param requireTls the sender's wish (RFC 8689)
 */
export async function securityOf(
  host: string,
  port: number,
  addresses: { readonly authenticated: boolean; readonly canonicalName?: string },
  { domain, hostsAuthenticated, policy, dane }: DomainSecurity,
  requireTls: boolean,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<HostSecurity> {
  // RFC 7672 §2.2.1: hosts that anybody may have named are not made safe by what is known of them.
  const tlsa =
    dane && hostsAuthenticated
      ? await lookUpTlsa(host, port, addresses, resolver, signal)
      : ({ kind: "none" } as const);
  if (tlsa.kind === "failure") {
    return { kind: "skip", enhanced: "4.4.3", detail: `the TLSA records of ${host}: ${tlsa.detail}` };
  }
  if (tlsa.kind === "records" && tlsa.records.length > 0) {
    const { base, records } = tlsa;
    return use({ kind: "dane", base, records, names: [...new Set([base, host, domain])] });
  }
  if (policy?.mode === "enforce") {
    if (coversMailHost(policy, host)) return use({ kind: "mta-sts" });
    return {
      kind: "skip",
      enhanced: "4.7.5",
      detail: `the MTA-STS policy of ${domain} does not name ${host}`,
    };
  }
  if (!requireTls) return use({ kind: tlsa.kind === "records" ? "encrypted" : "opportunistic" });
  // RFC 8689 §4.2.1: the choice of hosts has to be verified as well.
  if (hostsAuthenticated) return use({ kind: "webpki", implicit: false });
  return {
    kind: "skip",
    enhanced: "5.7.30",
    detail: `REQUIRETLS: neither DNSSEC nor MTA-STS vouches for the mail hosts of ${domain}`,
  };
}

function use(security: Security): HostSecurity {
  return { kind: "security", security };
}
