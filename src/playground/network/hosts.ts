import type { DialPlaces } from "../../dialer/index.ts";
import type { NameRecords } from "../../dns/index.ts";

/** Where a host listens on 127.0.0.1; what is missing does not listen. */
export interface HostPorts {
  /** Port 25 to the world. */
  readonly smtp?: number;
  /** Port 8757 to the world. */
  readonly keys?: number;
}

export type Hosts = ReadonlyMap<string, HostPorts>;

/** Which host takes a domain's mail, and what `_vsmtp` says of the domain. */
export interface DomainRecords {
  readonly name: string;
  readonly mx: string;
  readonly policy?: string;
}

/** What DNS says: ordinary MX, A and TXT records. Every address is this machine's. */
export function dnsRecords(hosts: Hosts, domains: readonly DomainRecords[]): Map<string, NameRecords> {
  const records = new Map<string, NameRecords>();
  for (const host of hosts.keys()) records.set(host, hostRecords);
  for (const { name, mx, policy } of domains) {
    records.set(name, { MX: [[10, mx]] });
    if (policy !== undefined) records.set(`_vsmtp.${name}`, { TXT: [policy] });
  }
  return records;
}

export const hostRecords: NameRecords = { A: ["127.0.0.1"] };

/**
 * For the `connect` table of the settings: the ports that DNS and the protocols mean, and where they are here. Every
 * host is in it with both, so that nothing reaches another program that listens on port 25 of this machine.
 *
 * @param closedPort where nothing listens
 */
export function connectPlaces(hosts: Hosts, closedPort: number): DialPlaces {
  const places = new Map<string, { host: string; port: number }>();
  for (const [name, { smtp, keys }] of hosts) {
    places.set(`${name}:25`, { host: "127.0.0.1", port: smtp ?? closedPort });
    places.set(`${name}:8757`, { host: "127.0.0.1", port: keys ?? closedPort });
  }
  return places;
}
