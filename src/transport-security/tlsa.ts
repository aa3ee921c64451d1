import type { Resolver, TlsaRecord } from "../dns/index.ts";

export type TlsaLookup =
  /** No such records, or none that DNSSEC vouches for: DANE has nothing to say. */
  | { readonly kind: "none" }
  | {
      readonly kind: "records";
      /** The name they stand under: for SNI, and the first that a certificate may be for (RFC 7672 §3.2). */
      readonly base: string;
      /** Those that can be used. Empty: TLS is required, and nobody can be authenticated (RFC 7672 §2.2). */
      readonly records: readonly TlsaRecord[];
    }
  /** Nobody knows whether there are some: the host must not be talked to (RFC 7672 §2.1). */
  | { readonly kind: "failure"; readonly detail: string };

/**
 * The TLSA records of a host's port (RFC 7672 §2.2.2). Without validated addresses nobody is asked: such a zone cannot
 * have validated TLSA records, and some name servers answer questions for them wrongly.
 *
 * @param addresses the answer that the host's addresses came from
 */
export async function lookUpTlsa(
  host: string,
  port: number,
  addresses: { readonly authenticated: boolean; readonly canonicalName?: string },
  resolver: Resolver,
  signal?: AbortSignal,
): Promise<TlsaLookup> {
  if (!addresses.authenticated) return { kind: "none" };
  for (const base of new Set([addresses.canonicalName ?? host, host])) {
    const answer = await resolver.tlsa(`_${port}._tcp.${base}`, signal);
    if (answer.kind === "failure") return answer;
    if (answer.kind === "records" && answer.authenticated) {
      return { kind: "records", base, records: usableTlsa(answer.records) };
    }
  }
  return { kind: "none" };
}

const fullData = 0;
/** By matching type: the octets of a digest. */
const digestOctets: Readonly<Record<number, number>> = { 1: 32, 2: 64 };

/**
 * Those that count for SMTP: usages DANE-TA(2) and DANE-EE(3) (RFC 7672 §3.1.3), well formed. Of several digests for
 * one usage and selector only the strongest counts (RFC 7671 §9).
 */
export function usableTlsa(records: readonly TlsaRecord[]): TlsaRecord[] {
  const known = records.filter(
    ({ usage, selector, matchingType, data }) =>
      (usage === 2 || usage === 3) &&
      (selector === 0 || selector === 1) &&
      (matchingType === fullData ? data.length > 0 : data.length === digestOctets[matchingType]),
  );
  return known.filter(
    (record) =>
      record.matchingType === fullData ||
      !known.some(
        ({ usage, selector, matchingType }) =>
          usage === record.usage && selector === record.selector && matchingType > record.matchingType,
      ),
  );
}
