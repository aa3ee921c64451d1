import { BlockList, isIPv4, isIPv6, SocketAddress } from "node:net";

/**
 * Is this a globally reachable unicast address (SPEC §4.2)? A redirect or an MX record may name any host, so
 * addresses that mean a machine or a network near to us, or nobody, are refused before anything connects.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), multicast and reserved
 * ranges. Forms that carry an IPv4 address are refused where no mail host can rightly have one (IPv4-mapped,
 * 6to4, Teredo), and judged by that address under the NAT64 prefix (RFC 6052).
 */
export function isGloballyReachable(address: string): boolean {
  if (isIPv4(address)) return !specialIpv4.check(address, "ipv4");
  if (!isIPv6(address) || address.includes("%")) return false;
  if (nat64.check(address, "ipv6")) return isGloballyReachable(lastFourOctets(address));
  return globalUnicastIpv6.check(address, "ipv6") && !specialIpv6.check(address, "ipv6");
}

const specialIpv4 = subnets("ipv4", [
  ["0.0.0.0", 8], // this network (RFC 791)
  ["10.0.0.0", 8], // private (RFC 1918)
  ["100.64.0.0", 10], // shared by carriers (RFC 6598)
  ["127.0.0.0", 8], // loopback (RFC 1122)
  ["169.254.0.0", 16], // link-local (RFC 3927)
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments (RFC 6890)
  ["192.0.2.0", 24], // documentation (RFC 5737)
  ["192.88.99.0", 24], // 6to4 relays, withdrawn (RFC 7526)
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks (RFC 2544)
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast (RFC 5771)
  ["240.0.0.0", 4], // reserved (RFC 1112), with the limited broadcast
]);

const globalUnicastIpv6 = subnets("ipv6", [["2000::", 3]]); // RFC 4291 §2.4: nothing else is assigned

const specialIpv6 = subnets("ipv6", [
  ["2001::", 23], // protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID
  ["2001:db8::", 32], // documentation (RFC 3849)
  ["2002::", 16], // 6to4 (RFC 3056)
  ["3fff::", 20], // documentation (RFC 9637)
]);

const nat64 = subnets("ipv6", [["64:ff9b::", 96]]);

function subnets(family: "ipv4" | "ipv6", list: readonly (readonly [string, number])[]): BlockList {
  const result = new BlockList();
  for (const [network, prefix] of list) result.addSubnet(network, prefix, family);
  return result;
}

function lastFourOctets(ipv6: string): string {
  // SocketAddress writes the canonical form: the last two groups stand at the end, zeros may be missing.
  const canonical = new SocketAddress({ address: ipv6, family: "ipv6" }).address;
  const dotted = /[^:]*\.[^:]*$/.exec(canonical);
  if (dotted !== null) return dotted[0];
  const groups = canonical.replace(/^.*::/, "0:0:").split(":").slice(-2);
  const octets = groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
  return octets.join(".");
}
