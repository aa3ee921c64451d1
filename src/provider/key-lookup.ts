import type { NetworkSettings } from "../config/index.ts";
import { dnsPolicySource, type PolicySource } from "../dns/index.ts";
import { KeyLookup } from "../verification/index.ts";
import type { Network } from "./network.ts";

/** The door from verifying to the world, as the settings of an installation open it. */
export function openKeyLookup(
  settings: NetworkSettings,
  network: Network,
): { readonly keys: KeyLookup; readonly policies: PolicySource } {
  const policies = dnsPolicySource(network.resolver);
  const keys = new KeyLookup({
    resolver: network.resolver,
    policies,
    dialer: network.dialer,
    port: settings.keyPort,
    allowPrivateAddresses: settings.allowPrivateAddresses,
    ...(network.ca === null ? {} : { ca: [network.ca] }),
  });
  return { keys, policies };
}
