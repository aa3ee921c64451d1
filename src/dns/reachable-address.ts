import { BlockList, isIPv4, isIPv6, SocketAddress } from "node:net";

/**
 * Is this a globally reachable unicast address (DIS-11)? A redirect or an MX record may name any host, so
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
  const [high, low] = ipv6Groups(ipv6).slice(-2) as [number, number];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight 16-bit groups of an IPv6 address (RFC 4291 §2.2), which must be valid and without zone. */
export function ipv6Groups(address: string): number[] {
  // SocketAddress writes the canonical form, where only the last two groups may be a dotted IPv4 address.
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  const hex = canonical.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets) => {
    const [a, b, c, d] = octets.map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail = ""] = hex.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  const zeros: string[] = hex.includes("::") ? Array(8 - before.length - after.length).fill("0") : [];
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}
