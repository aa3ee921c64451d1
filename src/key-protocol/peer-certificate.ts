import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** What the certificate of a key server proves (TRU-2, TRU-4). */
export interface PeerCertificate {
  /** Why the chain to a trusted root does not hold, or null when it does. */
  readonly chainProblem: string | null;
  /** The DNS names it was issued for, for people. */
  readonly names: readonly string[];
  /** Is it valid for this host name? Says nothing about the chain. */
  covers(name: string): boolean;
}

export function peerCertificate(socket: TLSSocket): PeerCertificate {
  const certificate = socket.getPeerX509Certificate();
  const problem = socket.authorizationError as unknown;
  return {
    chainProblem: socket.authorized ? null : problem instanceof Error ? problem.message : String(problem),
    names: dnsNames(certificate),
    covers: (name) =>
      // RFC 9525: names in subjectAltName only, a wildcard only as the whole leftmost label.
      certificate?.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined,
  };
}

function dnsNames(certificate: X509Certificate | undefined): string[] {
  const names = certificate?.subjectAltName?.split(", ") ?? [];
  return names.filter((name) => name.startsWith("DNS:")).map((name) => name.slice("DNS:".length));
}
