import {
  isHostName,
  lookUpMailHosts,
  lookUpServiceHosts,
  type PolicyRecord,
  type Resolver,
} from "../dns/index.ts";
import type { Trust } from "../signature/index.ts";
import type { Trail } from "./trail.ts";

/** A key server to ask. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** What a certificate for its name is worth: `domain` where DNSSEC vouches for the choice of host (TRU-5). */
  readonly trust: Trust;
  /** An MX record names it: an MTA-STS policy may vouch for that (TRU-6). */
  readonly isMailHost: boolean;
}

export type Discovery =
  | {
      readonly kind: "targets";
      /** In the order to try them, at most 5 (DIS-2). */
      readonly targets: readonly Target[];
      /** To be tried only when none of them accepts a connection (DIS-5). */
      readonly fallback: Target | null;
    }
  | { readonly kind: "no-keyserver"; readonly detail: string }
  | { readonly kind: "temperror"; readonly detail: string };

export interface DiscoveryOptions {
  readonly resolver: Resolver;
  /** For all but `ks=srv` (DIS-2). */
  readonly port: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly trail: Trail;
}

const MAX_HOSTS = 5;

/** Finds the key servers of a domain (DIS-1 to DIS-9). */
export async function discoverTargets(
  domain: string,
  mode: PolicyRecord["discovery"],
  options: DiscoveryOptions,
): Promise<Discovery> {
  if (mode === "srv") return discoverService(domain, options);
  const ownName = keyserverName(domain);
  const own: Target | null = isHostName(ownName)
    ? { host: ownName, port: options.port, trust: "domain", isMailHost: false }
    : null;
  if (mode === "mx") return discoverMailHosts(domain, own, options);
  if (own === null) return { kind: "no-keyserver", detail: `${ownName} is no host name` };
  // A name without address is a server that is not there: as permanent as a domain without hosts (DIS-12).
  const addresses = await options.resolver.addresses(own.host, options.signal);
  if (addresses.kind === "failure") return { kind: "temperror", detail: addresses.detail };
  if (addresses.kind !== "records") return { kind: "no-keyserver", detail: `${own.host} has no address` };
  noteHosts("sub", [own], addresses.authenticated, options);
  return { kind: "targets", targets: [own], fallback: null };
}

/** The name that a domain's key server may always have (DIS-5, DIS-6, TRU-4). */
export function keyserverName(domain: string): string {
  return `keyserver.${domain}`;
}

async function discoverMailHosts(
  domain: string,
  own: Target | null,
  options: DiscoveryOptions,
): Promise<Discovery> {
  const mail = await lookUpMailHosts(domain, options.resolver, options);
  switch (mail.kind) {
    case "failure":
      return { kind: "temperror", detail: mail.detail };
    case "null-mx":
      return { kind: "no-keyserver", detail: `${domain} has a null MX` };
    case "none":
      return { kind: "no-keyserver", detail: `${domain} has neither MX nor address` };
    case "hosts": {
      const trust = mail.authenticated ? "domain" : "host";
      const targets = mail.hosts
        .slice(0, MAX_HOSTS)
        .map(({ host }) => ({ host, port: options.port, trust, isMailHost: mail.source === "mx" }) as const);
      noteHosts(mail.source, targets, mail.authenticated, options);
      return { kind: "targets", targets, fallback: own };
    }
  }
}

async function discoverService(domain: string, options: DiscoveryOptions): Promise<Discovery> {
  const name = `_vsmtp-key._tcp.${domain}`;
  const service = await lookUpServiceHosts(name, options.resolver, options);
  if (service.kind === "failure") return { kind: "temperror", detail: service.detail };
  if (service.kind === "none") return { kind: "no-keyserver", detail: `${name} names no server` };
  const trust = service.authenticated ? "domain" : "host";
  const targets = service.hosts
    .slice(0, MAX_HOSTS)
    .map((host) => ({ ...host, trust, isMailHost: false }) as const);
  noteHosts("srv", targets, service.authenticated, options);
  return { kind: "targets", targets, fallback: null };
}

function noteHosts(
  source: "mx" | "address" | "srv" | "sub",
  targets: readonly Target[],
  authenticated: boolean,
  { trail }: DiscoveryOptions,
): void {
  trail({ kind: "hosts", source, hosts: targets.map(({ host, port }) => `${host}:${port}`), authenticated });
}
