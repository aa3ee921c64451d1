import { join } from "node:path";
import type { Config, Role } from "../config/index.ts";
import { isKeptPolicyRecord, PolicyMemory } from "../dns/index.ts";
import { isKnownDomain, KnownDomains } from "../key-lookup/index.ts";
import { type MemoryFile, openMemoryFile } from "../memory-file/index.ts";
import { MtaStsPolicies, mtaStsFetcher, openMtaStsFile } from "../transport-security/index.ts";
import type { Log } from "./log.ts";
import { type Network, trustOf } from "./network.ts";

/**
 * What is remembered of other domains, in files of the data directory. All roles of a process share it; what none of them
 * asks for is not even read. Each file is written by the processes of one kind of role only: what others learn is little, and
 * would take the place of all that is there.
 */
export interface Memories {
  policies(): PolicyMemory;
  /** For hosts that mail goes to. */
  mtaSts(): MtaStsPolicies;
  /**
   * For key servers. Whoever writes to us says of which domains these are, so they must not push out those of domains that
   * mail goes to; what is lost here is trust, never a demand, so nothing need outlive the process.
   */
  keyServersMtaSts(): MtaStsPolicies;
  knownDomains(): KnownDomains;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

/** Roles that verify others' mail. */
const BORDERS: readonly Role[] = ["mx", "milter", "proxy"];

/** Domains that were seen lately cost nothing to see again. */
const writeAfterMs = 60_000;

/** @param options `readOnly`: beside the process that writes them, such as for a command */
export function openMemories(
  { dataDirectory, network: settings, roles }: Config,
  network: Network,
  log: Log,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Memories {
  const files: Pick<MemoryFile<never>, "close">[] = [];
  const opened = <E>(writers: readonly Role[], file: MemoryFile<E>): MemoryFile<E> => {
    if (readOnly || !writers.some((role) => roles.has(role))) return { ...file, write: () => {} };
    files.push(file);
    return file;
  };
  const openFile = <E>(name: string, isEntry: (value: unknown) => value is E, what: string): MemoryFile<E> =>
    opened(BORDERS, openMemoryFile({ path: path(name), isEntry, onFailure: unwritten(what), writeAfterMs }));
  const { resolver, dialer } = network;
  const path = (name: string) => join(dataDirectory, name);
  const unwritten = (what: string) => (err: unknown) => log.warn({ err }, `${what} cannot be written`);
  const fetcher = () =>
    mtaStsFetcher({
      resolver,
      dialer,
      secureContext: trustOf(network),
      allowPrivateAddresses: settings.allowPrivateAddresses,
    });
  let policies: PolicyMemory | null = null;
  let mtaSts: MtaStsPolicies | null = null;
  let keyServersMtaSts: MtaStsPolicies | null = null;
  let known: KnownDomains | null = null;
  return {
    policies: () => {
      const open = () => openFile("policy-records.json", isKeptPolicyRecord, "policy records");
      policies ??= new PolicyMemory({ resolver, file: open() });
      return policies;
    },
    mtaSts: () => {
      const open = () => openMtaStsFile(path("mta-sts.json"), unwritten("MTA-STS policies"));
      mtaSts ??= new MtaStsPolicies({ resolver, fetch: fetcher(), file: opened(["delivery"], open()) });
      return mtaSts;
    },
    keyServersMtaSts: () => {
      keyServersMtaSts ??= new MtaStsPolicies({ resolver, fetch: fetcher() });
      return keyServersMtaSts;
    },
    knownDomains: () => {
      known ??= new KnownDomains(openFile("known-domains.json", isKnownDomain, "known domains"));
      return known;
    },
    close: async () => {
      for (const file of files) await file.close();
    },
  };
}
