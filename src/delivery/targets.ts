import { isIP } from "node:net";
import { isGloballyReachable, lookUpMailHosts, type Resolver } from "../dns/index.ts";
import type { DialTarget } from "../smtp/index.ts";
import { ownResult, type Result } from "./result.ts";
import type { Hop } from "./router.ts";

export interface TargetOptions {
  readonly resolver: Resolver;
  /** This host's name: where it stands among the mail hosts, it and all less preferred ones are no way on. */
  readonly hostname: string;
  /** For closed test networks. */
  readonly allowPrivateAddresses: boolean;
  /** Where mail hosts listen; 25 but in test networks. */
  readonly port: number;
  /** Uniform in [0, 1): orders hosts of equal preference. */
  readonly random: () => number;
}

export type Targets =
  | { readonly kind: "targets"; readonly targets: readonly DialTarget[] }
  | { readonly kind: "result"; readonly result: Result };

/** RFC 5321 §5.1 wants at least two addresses tried; more than these would only make a bad domain slow. */
const maxHosts = 5;
const maxAddressesPerHost = 2;

/** The places to try for a domain, best first. */
export async function findTargets(
  domain: string,
  hop: Exclude<Hop, { kind: "maildir" }>,
  options: TargetOptions,
): Promise<Targets> {
  if (hop.kind === "next-hop") {
    if (isIP(hop.host) !== 0) {
      return { kind: "targets", targets: [{ host: hop.host, address: hop.host, port: hop.port }] };
    }
    return addressesOf([hop.host], hop.port, { ...options, allowPrivateAddresses: true });
  }
  const found = await lookUpMailHosts(domain, options.resolver, { random: options.random });
  switch (found.kind) {
    case "null-mx": // RFC 7505 §4.2
      return stop("5.1.10", `${domain} takes no mail (null MX)`);
    case "none":
      return stop("5.1.2", `${domain} does not exist or has no mail host`);
    case "failure":
      return stop("4.4.3", `the mail hosts of ${domain} cannot be looked up: ${found.detail}`);
  }
  // RFC 5321 §5.1: never to ourselves, nor to those who would send it to us.
  const self = found.hosts.find(({ host }) => host === options.hostname);
  const hosts = found.hosts.filter(({ preference }) => self === undefined || preference < self.preference);
  if (hosts.length === 0 && self !== undefined) {
    return stop("5.4.6", `${domain} has this host as its mail host, which does not know the domain`);
  }
  if (hosts.length === 0) return stop("5.4.4", `the MX records of ${domain} name no host`);
  return addressesOf(
    hosts.slice(0, maxHosts).map(({ host }) => host),
    options.port,
    options,
  );
}

async function addressesOf(hosts: readonly string[], port: number, options: TargetOptions): Promise<Targets> {
  const answers = await Promise.all(hosts.map((host) => options.resolver.addresses(host)));
  const targets: DialTarget[] = [];
  let failure: string | null = null;
  let unreachable = false;
  for (const [index, answer] of answers.entries()) {
    const host = hosts[index] as string;
    if (answer.kind === "failure") failure = `${host}: ${answer.detail}`;
    if (answer.kind !== "records") continue;
    const usable = answer.records.filter(
      (address) => options.allowPrivateAddresses || isGloballyReachable(address),
    );
    unreachable ||= usable.length < answer.records.length;
    targets.push(...usable.slice(0, maxAddressesPerHost).map((address) => ({ host, address, port })));
  }
  if (targets.length > 0) return { kind: "targets", targets };
  const names = hosts.join(", ");
  if (failure !== null) return stop("4.4.3", `no address can be looked up: ${failure}`);
  // Deferred: such records are mistakes that get mended, and no reason to bounce at once.
  if (unreachable) return stop("4.4.4", `no address of ${names} is globally reachable`);
  return stop("5.4.4", `${names} ${hosts.length === 1 ? "has" : "have"} no address`);
}

function stop(enhanced: string, text: string): Targets {
  return { kind: "result", result: ownResult(enhanced, text) };
}
