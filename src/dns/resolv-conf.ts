import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { StubResolver, type StubResolverOptions } from "./stub-resolver.ts";

/**
 * Reads resolv.conf(5): the name servers and `options trust-ad`. Search lists do not matter here, mail names
 * are complete.
 */
export function parseResolvConf(text: string): StubResolverOptions {
  const servers: { address: string; port: number }[] = [];
  let trustAd = false;
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/[ \t]+/);
    const [address] = values;
    if (keyword === "nameserver" && address !== undefined && isIP(address) !== 0)
      servers.push({ address, port: 53 });
    if (keyword === "options" && values.includes("trust-ad")) trustAd = true;
  }
  // resolv.conf(5): at most three servers are used, and the local machine is asked where none is named.
  const used = servers.length === 0 ? [{ address: "127.0.0.1", port: 53 }] : servers.slice(0, 3);
  return { servers: used, ...(trustAd ? { trustAuthenticatedData: true } : {}) };
}

/** The resolver that this machine is configured for; a machine without the file asks itself. */
export function systemResolver(path = "/etc/resolv.conf"): StubResolver {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // No configuration is a configuration: see parseResolvConf.
  }
  return new StubResolver(parseResolvConf(text));
}
