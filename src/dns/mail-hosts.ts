import { isHostName } from "./host-name.ts";
import type { MxRecord, Resolver, SrvRecord } from "./resolver.ts";

/** A host to try, best first. */
export interface MailHost {
  readonly host: string;
  readonly preference: number;
}

export type MailHosts =
  | {
      readonly kind: "hosts";
      /** In the order to try them. Empty when MX names nothing that could be a host. */
      readonly hosts: readonly MailHost[];
      /** `address`: the domain has no MX and is its own mail host (RFC 5321 §5.1). */
      readonly source: "mx" | "address";
      /** The choice of hosts was validated by DNSSEC. */
      readonly authenticated: boolean;
    }
  /** The domain says that it takes no mail (RFC 7505). */
  | { readonly kind: "null-mx" }
  /** Neither MX nor address, or no such domain. */
  | { readonly kind: "none" }
  | { readonly kind: "failure"; readonly detail: string };

export interface HostLookupOptions {
  /** 0 ≤ x < 1; orders hosts of equal preference. Default Math.random. */
  readonly random?: () => number;
  readonly signal?: AbortSignal;
}

/** The mail hosts of a domain in the order to try them (DIS-1, DIS-2, DIS-4; RFC 5321 §5.1, RFC 7505). */
export async function lookUpMailHosts(
  domain: string,
  resolver: Resolver,
  options: HostLookupOptions = {},
): Promise<MailHosts> {
  const mx = await resolver.mx(domain, options.signal);
  if (mx.kind === "failure") return mx;
  if (mx.kind === "nxdomain") return { kind: "none" };
  if (mx.kind === "records") {
    if (mx.records.every((record) => record.exchange === ".")) return { kind: "null-mx" };
    const hosts = orderMailHosts(mx.records, options.random ?? Math.random);
    return { kind: "hosts", hosts, source: "mx", authenticated: mx.authenticated };
  }
  const addresses = await resolver.addresses(domain, options.signal);
  if (addresses.kind === "failure") return addresses;
  if (addresses.kind !== "records") return { kind: "none" };
  return {
    kind: "hosts",
    hosts: [{ host: domain, preference: 0 }],
    source: "address",
    authenticated: mx.authenticated && addresses.authenticated,
  };
}

/** By ascending preference, at random within one; each host once, and only what can be a host's name. */
function orderMailHosts(records: readonly MxRecord[], random: () => number): MailHost[] {
  const hosts = new Map<string, MailHost>();
  for (const { exchange, preference } of records) {
    const known = hosts.get(exchange)?.preference ?? Number.POSITIVE_INFINITY;
    if (isHostName(exchange) && preference < known) hosts.set(exchange, { host: exchange, preference });
  }
  return [...hosts.values()]
    .map((host) => ({ host, draw: random() }))
    .sort((a, b) => a.host.preference - b.host.preference || a.draw - b.draw)
    .map(({ host }) => host);
}

/** A host and port that a service record names. */
export interface ServiceHost {
  readonly host: string;
  readonly port: number;
}

export type ServiceHosts =
  | { readonly kind: "hosts"; readonly hosts: readonly ServiceHost[]; readonly authenticated: boolean }
  /** No such record, or the target "." (RFC 2782). */
  | { readonly kind: "none" }
  | { readonly kind: "failure"; readonly detail: string };

/** The hosts of a service (`_vsmtp-key._tcp.example.com`) in the order to try them (RFC 2782). */
export async function lookUpServiceHosts(
  name: string,
  resolver: Resolver,
  options: HostLookupOptions = {},
): Promise<ServiceHosts> {
  const srv = await resolver.srv(name, options.signal);
  if (srv.kind === "failure") return srv;
  if (srv.kind !== "records") return { kind: "none" };
  const usable = srv.records.filter((record) => isHostName(record.target) && record.port > 0);
  if (srv.records.every((record) => record.target === ".")) return { kind: "none" };
  const hosts = orderServiceHosts(usable, options.random ?? Math.random);
  return { kind: "hosts", hosts, authenticated: srv.authenticated };
}

/** RFC 2782: by ascending priority; within one, drawn in proportion to the weights. */
function orderServiceHosts(records: readonly SrvRecord[], random: () => number): ServiceHost[] {
  const ordered: SrvRecord[] = [];
  for (const priority of [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)) {
    // Weight 0 goes first, so that it has a small chance beside others.
    const left = records.filter((record) => record.priority === priority).sort((a, b) => a.weight - b.weight);
    while (left.length > 0) {
      const total = left.reduce((sum, record) => sum + record.weight, 0);
      let draw = Math.floor(random() * (total + 1));
      const index = left.findIndex((record) => {
        draw -= record.weight;
        return draw <= 0;
      });
      ordered.push(...left.splice(index, 1));
    }
  }
  return ordered.map(({ target, port }) => ({ host: target, port }));
}
