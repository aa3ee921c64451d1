import { join } from "node:path";
import { createSecureContext, getCACertificates } from "node:tls";
import type { Config } from "../config/index.ts";
import { isKeptPolicyRecord, PolicyMemory } from "../dns/index.ts";
import { isKnownDomain, KnownDomains } from "../key-lookup/index.ts";
import { type MemoryFile, openMemoryFile } from "../memory-file/index.ts";
import { MtaStsPolicies, mtaStsFetcher, openMtaStsFile } from "../transport-security/index.ts";
import type { Log } from "./log.ts";
import type { Network } from "./network.ts";

/**
 * What is remembered of other domains, in files of the data directory. All roles of a process share it; what none of them
 * asks for is not even read.
 */
export interface Memories {
  policies(): PolicyMemory;
  mtaSts(): MtaStsPolicies;
  knownDomains(): KnownDomains;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

/** Domains that were seen lately cost nothing to see again. */
const writeAfterMs = 60_000;

/** @param options `readOnly`: beside the process that writes them, such as for a command */
export function openMemories(
  { dataDirectory, network: settings }: Config,
  network: Network,
  log: Log,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Memories {
  const files: Pick<MemoryFile<never>, "close">[] = [];
  const opened = <E>(file: MemoryFile<E>): MemoryFile<E> => {
    if (readOnly) return { ...file, write: () => {} };
    files.push(file);
    return file;
  };
  const { resolver, dialer, ca } = network;
  const path = (name: string) => join(dataDirectory, name);
  const unwritten = (what: string) => (err: unknown) => log.warn({ err }, `${what} cannot be written`);
  let policies: PolicyMemory | null = null;
  let mtaSts: MtaStsPolicies | null = null;
  let known: KnownDomains | null = null;
  return {
    policies: () => {
      policies ??= new PolicyMemory({
        resolver,
        file: opened(
          openMemoryFile({
            path: path("policy-records.json"),
            isEntry: isKeptPolicyRecord,
            onFailure: unwritten("policy records"),
            writeAfterMs,
          }),
        ),
      });
      return policies;
    },
    mtaSts: () => {
      mtaSts ??= new MtaStsPolicies({
        resolver,
        file: opened(openMtaStsFile(path("mta-sts.json"), unwritten("MTA-STS policies"))),
        fetch: mtaStsFetcher({
          resolver,
          dialer,
          secureContext:
            ca === null ? undefined : createSecureContext({ ca: [...getCACertificates("default"), ca] }),
          allowPrivateAddresses: settings.allowPrivateAddresses,
        }),
      });
      return mtaSts;
    },
    knownDomains: () => {
      known ??= new KnownDomains(
        opened(
          openMemoryFile({
            path: path("known-domains.json"),
            isEntry: isKnownDomain,
            onFailure: unwritten("known domains"),
            writeAfterMs,
          }),
        ),
      );
      return known;
    },
    close: async () => {
      for (const file of files) await file.close();
    },
  };
}
