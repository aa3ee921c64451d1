// What VSMTP asks of the DNS. Everything that looks names up takes a Resolver, so tests and closed networks
// bring their own.

/** `ttlSeconds` is the shortest time any record of the answer, its CNAME chain included, may be kept. */
export type DnsAnswer<T> =
  | {
      readonly kind: "records";
      /** Never empty. */
      readonly records: readonly T[];
      /** The resolver validated the whole answer by DNSSEC (AD bit) and its word is to be trusted. */
      readonly authenticated: boolean;
      /** Where CNAME records led to, lower case without final dot; missing where there were none. */
      readonly canonicalName?: string;
      readonly ttlSeconds: number;
    }
  | {
      /** `nodata`: the name exists, without such records. `nxdomain`: it does not exist. */
      readonly kind: "nodata" | "nxdomain";
      readonly authenticated: boolean;
      readonly ttlSeconds: number;
    }
  | { readonly kind: "failure"; readonly detail: string };

/** RFC 1035 §3.3.9. `exchange` is lower case without a final dot; "." is the root (RFC 7505). */
export interface MxRecord {
  readonly preference: number;
  readonly exchange: string;
}

/** RFC 2782. `target` is lower case without a final dot; "." says that there is no such service. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** RFC 6698 §2.1. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Uint8Array;
}

/**
 * Looks names up. Names are in A-labels and need no final dot. The methods never reject: whatever goes wrong,
 * an aborted signal included, is a `failure` answer.
 */
export interface Resolver {
  /** A and AAAA together: IPv4 addresses first, each kind in the order the server gave. */
  addresses(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  /** IPv4 addresses only. */
  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  /** IPv6 addresses only. */
  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>>;
  /** The strings of each record joined, one character for each octet. */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  srv(name: string, signal?: AbortSignal): Promise<DnsAnswer<SrvRecord>>;
  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>>;
  /** @param name in `in-addr.arpa` or `ip6.arpa`; the answers are lower case without a final dot */
  ptr(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
}

/** Joins the answers to A and AAAA: one that failed does not spoil the other, unless that one is empty. */
export function joinAddressAnswers(ipv4: DnsAnswer<string>, ipv6: DnsAnswer<string>): DnsAnswer<string> {
  if (ipv4.kind === "records" && ipv6.kind === "records") {
    return {
      kind: "records",
      records: [...ipv4.records, ...ipv6.records],
      authenticated: ipv4.authenticated && ipv6.authenticated,
      ...(ipv4.canonicalName === undefined ? {} : { canonicalName: ipv4.canonicalName }),
      ttlSeconds: Math.min(ipv4.ttlSeconds, ipv6.ttlSeconds),
    };
  }
  if (ipv4.kind === "records") return ipv4;
  if (ipv6.kind === "records") return ipv6;
  if (ipv4.kind === "failure") return ipv4;
  if (ipv6.kind === "failure") return ipv6;
  return ipv4.kind === "nodata" ? ipv4 : ipv6;
}
