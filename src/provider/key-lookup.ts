import { NetworkList } from "../dns/index.ts";
import { KeyLookup, type KeyLookupOptions } from "../key-lookup/index.ts";
import type { KeySource } from "../signature/index.ts";
import type { Shared } from "./role.ts";

/** The door from verifying to the world, as the settings of an installation open it. */
export function openKeyLookup(
  { config, network, memories }: Pick<Shared, "config" | "network" | "memories">,
  limits: Pick<KeyLookupOptions, "maxStatementSeconds" | "domainBudget" | "deadlines"> = {},
): KeyLookup {
  const { keyPort, allowPrivateAddresses } = config.network;
  const { requiredTrust, dane, mtaSts, strangers, refusingHosts, gateways } = config.keyLookup;
  const networks = new NetworkList(gateways);
  return new KeyLookup({
    resolver: network.resolver,
    policies: memories.policies(),
    dialer: network.dialer,
    port: keyPort,
    allowPrivateAddresses,
    requiredTrust,
    dane,
    mtaSts: mtaSts ? memories.keyServersMtaSts() : null,
    known: strangers === "ask" ? memories.knownDomains() : null,
    isGateway: (address) => networks.has(address),
    concludeFromRefusals: refusingHosts === "fail",
    ...(network.ca === null ? {} : { ca: [network.ca] }),
    ...limits,
  });
}

/** The same, opened with the first question: whoever signs rarely has one, when a user passes on others' mail (CUS-2). */
export function openKeyLookupLater(shared: Pick<Shared, "config" | "network" | "memories">): KeySource & {
  close(): void;
} {
  let lookup: KeyLookup | null = null;
  return {
    lookUp: (query) => {
      lookup ??= openKeyLookup(shared);
      return lookup.lookUp(query);
    },
    close: () => lookup?.close(),
  };
}
