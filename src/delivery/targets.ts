import { type DnsAnswer, isGloballyReachable, lookUpMailHosts } from "../dns/index.ts";
import { type DomainSecurity, securityOf } from "./host-security.ts";
import { findNextHop } from "./next-hop.ts";
import type { Hop } from "./router.ts";
import { addressesToTry, noTargets, type Target, type TargetOptions, type Targets } from "./target.ts";

/** RFC 5321 §5.1 wants at least two tried; more than these would only make a bad domain slow. */
const maxHosts = 5;
const maxTargets = 6;

/**
 * The places to try for a domain, best first.
 *
 * @param requireTls the sender's wish (RFC 8689)
 */
export async function findTargets(
  domain: string,
  hop: Exclude<Hop, { kind: "maildir" }>,
  requireTls: boolean,
  options: TargetOptions,
): Promise<Targets> {
  if (hop.kind === "next-hop") return findNextHop(hop.nextHop, requireTls, options);
  const { resolver, mtaSts, dane, random, signal } = options;
  const [found, policy] = await Promise.all([
    lookUpMailHosts(domain, resolver, { random, signal }),
    mtaSts?.policyOf(domain, signal) ?? null,
  ]);
  switch (found.kind) {
    case "null-mx": // RFC 7505 §4.2
      return noTargets("5.1.10", `${domain} takes no mail (null MX)`);
    case "none":
      return noTargets("5.1.2", `${domain} does not exist or has no mail host`);
    case "failure":
      return noTargets("4.4.3", `the mail hosts of ${domain} cannot be looked up: ${found.detail}`);
  }
  if (found.hosts.length === 0) return noTargets("5.4.4", `the MX records of ${domain} name no host`);
  const known = { domain, hostsAuthenticated: found.authenticated, policy, dane };
  const first = found.hosts.slice(0, maxHosts);
  const answers = await Promise.all(first.map(({ host }) => resolver.addresses(host, signal)));
  // RFC 5321 §5.1: never to ourselves, nor to those who would send it to us.
  const self = found.hosts.find(({ host }, index) => isSelf(host, answers[index], options));
  const hosts = first.filter(({ preference }) => self === undefined || preference < self.preference);
  if (hosts.length === 0) {
    return noTargets("5.4.6", `${domain} has this host as its mail host, which does not know the domain`);
  }
  return choose(
    await Promise.all(
      hosts.map(({ host }, index) =>
        look(host, answers[index] as DnsAnswer<string>, known, requireTls, options),
      ),
    ),
  );
}

function isSelf(host: string, answer: DnsAnswer<string> | undefined, options: TargetOptions): boolean {
  return (
    host === options.hostname || (answer?.kind === "records" && answer.records.some(options.isOwnAddress))
  );
}

/** The places of one host, or why there is none. */
type Look =
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "skip"; readonly enhanced: string; readonly detail: string };

async function look(
  host: string,
  addresses: DnsAnswer<string>,
  known: DomainSecurity,
  requireTls: boolean,
  { allowPrivateAddresses, port, resolver, signal }: TargetOptions,
): Promise<Look> {
  if (addresses.kind === "failure") {
    return skip("4.4.3", `no address can be looked up: ${host}: ${addresses.detail}`);
  }
  if (addresses.kind !== "records") return skip("5.4.4", `${host} has no address`);
  const usable = addresses.records.filter((address) => allowPrivateAddresses || isGloballyReachable(address));
  // Deferred: such records are mistakes that get mended, and no reason to bounce at once.
  if (usable.length === 0) return skip("4.4.4", `no address of ${host} is globally reachable`);
  const found = await securityOf(host, port, addresses, known, requireTls, resolver, signal);
  if (found.kind === "skip") return found;
  const { security } = found;
  const targets = addressesToTry(usable).map(
    (address): Target => ({ place: { host, address, port }, protocol: "smtp", security, credentials: null }),
  );
  return { kind: "targets", targets };
}

function skip(enhanced: string, detail: string): Look {
  return { kind: "skip", enhanced, detail };
}

/** What may be otherwise another day outweighs what will not. */
function choose(looks: readonly Look[]): Targets {
  const targets = looks.flatMap((found) => (found.kind === "targets" ? found.targets : []));
  if (targets.length > 0) return { kind: "targets", targets: targets.slice(0, maxTargets) };
  const reasons = looks.filter((found) => found.kind === "skip");
  const reason =
    reasons.find(({ enhanced }) => enhanced.startsWith("4")) ??
    reasons.find(({ enhanced }) => enhanced === "5.7.30") ??
    (reasons[0] as Look & { kind: "skip" });
  return noTargets(reason.enhanced, reason.detail);
}
