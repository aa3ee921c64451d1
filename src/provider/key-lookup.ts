import type { NetworkSettings } from "../config/index.ts";
import { dnsPolicySource, type PolicySource } from "../dns/index.ts";
import { KeyLookup, type KeyLookupOptions } from "../key-lookup/index.ts";
import type { Network } from "./network.ts";

/** The door from verifying to the world, as the settings of an installation open it. */
export function openKeyLookup(
  settings: NetworkSettings,
  network: Network,
  limits: Pick<KeyLookupOptions, "maxStatementSeconds" | "domainBudget" | "deadlines"> = {},
): { readonly keys: KeyLookup; readonly policies: PolicySource } {
  const policies = dnsPolicySource(network.resolver);
  const keys = new KeyLookup({
    resolver: network.resolver,
    policies,
    dialer: network.dialer,
    port: settings.keyPort,
    allowPrivateAddresses: settings.allowPrivateAddresses,
    ...(network.ca === null ? {} : { ca: [network.ca] }),
    ...limits,
  });
  return { keys, policies };
}
