import { isIP } from "node:net";
import type { NextHop } from "../config/index.ts";
import type { DnsAnswer, Resolver } from "../dns/index.ts";
import { lookUpTlsa, type TlsaLookup } from "../transport-security/index.ts";
import { isAuthenticated, type Security } from "./security.ts";
import { addressesToTry, noTargets, type Target, type TargetOptions, type Targets } from "./target.ts";

/**
 * The places of a server that the settings name. Its address is the operator's word, and need not be globally reachable.
 *
 * @param requireTls the sender's wish (RFC 8689)
 */
export async function findNextHop(
  { place, protocol, tls, credentials }: NextHop,
  requireTls: boolean,
  { hostname, resolver, dane, signal }: Pick<TargetOptions, "hostname" | "resolver" | "dane" | "signal">,
): Promise<Targets> {
  if (place.kind === "unix") {
    if (requireTls && protocol === "smtp") return noTls(place.path);
    // Senders read who refused their mail.
    const target = { host: hostname, path: place.path };
    return {
      kind: "targets",
      targets: [{ place: target, protocol, security: { kind: "none" }, credentials }],
    };
  }
  const { host, port } = place;
  const answer = await lookUp(host, resolver, signal);
  if (answer.kind === "failure")
    return noTargets("4.4.3", `no address can be looked up: ${host}: ${answer.detail}`);
  // The settings are at fault, or the DNS for the moment: nothing to bounce mail for.
  if (answer.kind !== "records") return noTargets("4.4.4", `the next hop ${host} has no address`);
  const tlsa: TlsaLookup =
    tls === "opportunistic" && dane
      ? await lookUpTlsa(host, port, answer, resolver, signal)
      : { kind: "none" };
  if (tlsa.kind === "failure") return noTargets("4.4.3", `the TLSA records of ${host}: ${tlsa.detail}`);
  // RFC 8689 is about the way between hosts: LMTP on this one is the mailbox already.
  const mustProve = requireTls && !(protocol === "lmtp" && answer.records.every(isLoopback));
  const security = securityOf(host, tls, tlsa, mustProve);
  if (mustProve && !isAuthenticated(security)) return noTls(host);
  const targets = addressesToTry(answer.records).map(
    (address): Target => ({ place: { host, address, port }, protocol, security, credentials }),
  );
  return { kind: "targets", targets };
}

async function lookUp(host: string, resolver: Resolver, signal: AbortSignal): Promise<DnsAnswer<string>> {
  if (isIP(host) === 0) return resolver.addresses(host, signal);
  return { kind: "records", records: [host], authenticated: false, ttlSeconds: 0 };
}

/** DNSSEC vouches for records of a next hop as it does for those of a mail host (RFC 7672 §2.2.1). */
function securityOf(
  host: string,
  tls: NextHop["tls"],
  tlsa: Exclude<TlsaLookup, { kind: "failure" }>,
  mustProve: boolean,
): Security {
  if (tls === "none") return { kind: "none" };
  if (tls !== "opportunistic") return { kind: "webpki", implicit: tls === "implicit" };
  if (tlsa.kind === "records" && tlsa.records.length > 0) {
    const { base, records } = tlsa;
    return { kind: "dane", base, records, names: [...new Set([base, host])] };
  }
  if (mustProve) return { kind: "webpki", implicit: false };
  return { kind: tlsa.kind === "records" ? "encrypted" : "opportunistic" };
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function noTls(place: string): Targets {
  return noTargets("5.7.30", `REQUIRETLS: the settings have no TLS to ${place}`);
}
