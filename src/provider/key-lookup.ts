import { KeyLookup, type KeyLookupOptions } from "../key-lookup/index.ts";
import type { Shared } from "./role.ts";

/** The door from verifying to the world, as the settings of an installation open it. */
export function openKeyLookup(
  { config, network, memories }: Pick<Shared, "config" | "network" | "memories">,
  limits: Pick<KeyLookupOptions, "maxStatementSeconds" | "domainBudget" | "deadlines"> = {},
): KeyLookup {
  const { keyPort, allowPrivateAddresses } = config.network;
  return new KeyLookup({
    resolver: network.resolver,
    policies: memories.policies(),
    dialer: network.dialer,
    port: keyPort,
    allowPrivateAddresses,
    ...(network.ca === null ? {} : { ca: [network.ca] }),
    ...limits,
  });
}
