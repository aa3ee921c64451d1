import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What the certificate of a key server proves (TRU-2, TRU-4). */
export interface PeerCertificate {
  /** Why the chain to a trusted root does not hold, or null when it does. */
  readonly chainProblem: string | null;
  /** DER, the server's own first: what DANE looks at (TRU-3). */
  readonly chain: readonly Uint8Array[];
  /** The DNS names it was issued for, for people. */
  readonly names: readonly string[];
  /** Who issued it and how long it is valid, for people; null where there is none. */
  readonly issuer: string | null;
  readonly validTo: Date | null;
  /** As `TLSv1.3`. */
  readonly tls: string | null;
  /** Is it valid for this host name? Says nothing about the chain. */
  covers(name: string): boolean;
}

/** A longer chain is not kept: no server needs as many. */
const MAX_CHAIN = 10;

export function peerCertificate(socket: TLSSocket): PeerCertificate {
  // First: once Node was asked for the certificate alone it gives no chain any more.
  const chain = chainOf(socket);
  const certificate = socket.getPeerX509Certificate();
  const problem = socket.authorizationError as unknown;
  return {
    chainProblem: socket.authorized ? null : problem instanceof Error ? problem.message : String(problem),
    chain,
    names: dnsNames(certificate),
    issuer: certificate?.issuer.replaceAll("\n", ", ") ?? null,
    validTo: certificate?.validToDate ?? null,
    tls: socket.getProtocol(),
    covers: (name) =>
      // RFC 9525: names in subjectAltName only, a wildcard only as the whole leftmost label.
      certificate?.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined,
  };
}

function chainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(certificate.raw);
    // Node shows a self-signed certificate as its own issuer.
    certificate = certificate.issuerCertificate === certificate ? undefined : certificate.issuerCertificate;
  }
  return chain;
}

function dnsNames(certificate: X509Certificate | undefined): string[] {
  const names = certificate?.subjectAltName?.split(", ") ?? [];
  return names.filter((name) => name.startsWith("DNS:")).map((name) => name.slice("DNS:".length));
}
