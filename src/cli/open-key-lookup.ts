import { MappingDialer } from "../dialer/index.ts";
import {
  CachingResolver,
  dnsPolicySource,
  inForce,
  type PolicySource,
  StubResolver,
  systemResolver,
} from "../dns/index.ts";
import { KeyLookup } from "../key-lookup/index.ts";
import { readNamedFile, unixNow } from "./arguments.ts";
import { readConfig } from "./configuration.ts";
import type { DomainMemory } from "./lookup-object.ts";
import type { NetworkOptions } from "./network-options.ts";
import { UsageError } from "./usage-error.ts";

/** A key lookup over the network, as the command line wants it. */
export function openKeyLookup(options: NetworkOptions): KeyLookup {
  return openLookup(options).keys;
}

/** A key lookup, and where its policy records come from. */
export interface OpenLookup {
  readonly keys: KeyLookup;
  readonly policies: PolicySource;
  /** What an installation remembers of a domain; null: nothing, or there is none. */
  remembered(domain: string): DomainMemory | null;
}

export function openLookup({ resolver, ca, connect }: NetworkOptions): OpenLookup {
  const servers = resolver?.map(({ host, port }) => ({ address: host, port }));
  const everywhere = connect && new Map([["*", connect]]);
  const dns = new CachingResolver(servers ? new StubResolver({ servers }) : systemResolver());
  const policies = dnsPolicySource(dns);
  const keys = new KeyLookup({
    resolver: dns,
    policies,
    ca: ca?.map((file) => readNamedFile(file).toString("utf8")) ?? [],
    // A closed test network is what these options are for: its addresses are its own affair (TRU-10).
    ...(everywhere ? { dialer: new MappingDialer(everywhere), allowPrivateAddresses: true } : {}),
  });
  return { keys, policies, remembered: () => null };
}

/** The same as an installation looks keys up: by its settings, and with what it remembers, which is not changed. */
export async function openInstallationLookup(
  configFile: string,
  { resolver, ca, connect }: NetworkOptions,
): Promise<OpenLookup> {
  if (resolver ?? ca ?? connect) {
    throw new UsageError("--config says how to reach the world: leave --resolver, --ca and --connect out");
  }
  const config = readConfig(configFile);
  const { createLog, openKeyLookup: open, openMemories, openNetwork } = await import("../provider/index.ts");
  const network = openNetwork(config.network);
  const memories = openMemories(config, network, createLog("error", process.stderr), { readOnly: true });
  const policies = memories.policies();
  return {
    keys: open({ config, network, memories }),
    policies,
    remembered: (domain) => {
      const kept = policies.remembered(domain);
      return kept && { ...kept, record: inForce(kept, unixNow()) };
    },
  };
}
