import { BlockList, isIPv6 } from "node:net";

/** Networks, as `192.0.2.0/24` and `2001:db8::/32`. */
export class NetworkList {
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", prefix = "none"] = network.split("/");
      this.#list.addSubnet(address, Number(prefix), isIPv6(address) ? "ipv6" : "ipv4");
    }
  }

  /** @param address as the socket gives it; IPv4-mapped on a socket that takes both. Without zone */
  has(address: string): boolean {
    return this.#list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  }
}
