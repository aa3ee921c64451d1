import { isIPv6 } from "node:net";
import { ipv6Groups } from "./reachable-address.ts";

/**
 * The network a client is counted under (KEY-37): /24 of IPv4, /56 of IPv6, which is what one site usually has.
 *
 * @param address as the socket gives it; IPv4-mapped on a socket that takes both
 */
export function clientPrefix(address: string): string {
  const plain = address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) return plain.replace(/\.\d+$/, ".0/24");
  const [a, b, c, d] = ipv6Groups(plain) as [number, number, number, number];
  return `${[a, b, c, d & 0xff00].map((group) => group.toString(16)).join(":")}::/56`;
}
