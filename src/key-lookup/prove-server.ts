import type { PeerCertificate } from "../key-protocol/index.ts";
import type { Trust } from "../signature/index.ts";
import { judgeDane, type TlsaLookup } from "../transport-security/index.ts";
import type { Trail } from "./trail.ts";

/** How well whoever gave an answer was authenticated (TRU-2 to TRU-9). */
export interface Proof {
  /** By the certificate alone; null when it proves nothing about the domain. */
  readonly trust: Trust | null;
  /** The certificate is valid for the server's own name, which a plain-text redirect brought up (KEY-26). */
  readonly ownName: boolean;
}

/** Names for which a certificate will do, and what it is then worth (TRU-2, TRU-4, TRU-5). */
export type AcceptableNames = ReadonlyMap<string, Trust>;

/** A server that was connected to. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly certificate: PeerCertificate;
  /** What DNSSEC vouches for that its certificate has to be. */
  readonly tlsa: TlsaLookup & { kind: "none" | "records" };
}

/**
 * What a server's certificate proves. Where DNSSEC vouches for TLSA records of its port the certificate has to be one of
 * those, and then proves the host's name whoever issued it (TRU-3); one that is not proves nothing, whoever issued it
 * (TRU-12, RFC 7672 §2.2). Records of which none can be used say nothing here, where WebPKI is asked for in any case.
 */
export function proveServer(server: Server, acceptable: AcceptableNames, trail: Trail): Proof {
  const { host, port, certificate, tlsa } = server;
  const { chainProblem, chain, names, issuer, validTo, tls } = certificate;
  const usesDane = tlsa.kind === "records" && tlsa.records.length > 0;
  // By the system's clock, as TLS judges chains.
  const daneProblem = usesDane ? judgeDane(tlsa.records, chain, [tlsa.base, host], Date.now()) : null;
  const proves = [...acceptable.keys()].filter(
    (name) =>
      daneProblem === null &&
      ((usesDane && name === host) || (chainProblem === null && certificate.covers(name))),
  );
  const trust = proves.reduce<Trust | null>(
    (best, name) => (best === "domain" ? best : (acceptable.get(name) ?? best)),
    null,
  );
  const certificateProblem = daneProblem ?? (usesDane ? null : chainProblem);
  const nameProblem =
    trust === null ? `it would have to be for ${[...acceptable.keys()].join(" or ")}` : null;
  trail({
    kind: "certificate",
    target: `${host}:${port}`,
    names,
    issuer,
    validTo: validTo?.toISOString() ?? null,
    tls,
    problem: certificateProblem ?? nameProblem,
    dane: usesDane,
    proves,
    trust,
  });
  const isOwn = usesDane ? daneProblem === null : chainProblem === null && certificate.covers(host);
  return { trust, ownName: isOwn };
}

/** TRU-8, TRU-9 */
export function isSufficient(trust: Trust | null, required: Trust): boolean {
  return trust === "domain" || (trust === "host" && required === "host");
}
