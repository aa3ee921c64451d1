import { type MemoryFile, openMemoryFile } from "../memory-file/index.ts";
import type { MtaStsPolicy } from "./mta-sts-policy.ts";

/** A domain's policy as it was fetched. */
export interface KeptPolicy {
  readonly domain: string;
  /** Of its record when it was fetched. */
  readonly id: string;
  readonly policy: MtaStsPolicy;
  /** Unix milliseconds. */
  readonly fetchedAt: number;
}

/** Policies that outlive the process: what is lost is fetched again. */
export type MtaStsFile = MemoryFile<KeptPolicy>;

/** @param onFailure is told when it cannot be written */
export function openMtaStsFile(path: string, onFailure: (cause: unknown) => void): MtaStsFile {
  return openMemoryFile({ path, isEntry: isKeptPolicy, onFailure });
}

function isKeptPolicy(value: unknown): value is KeptPolicy {
  const { domain, id, policy, fetchedAt } = (value ?? {}) as Partial<KeptPolicy>;
  return (
    typeof domain === "string" &&
    typeof id === "string" &&
    Number.isFinite(fetchedAt) &&
    ["enforce", "testing", "none"].includes(policy?.mode as string) &&
    Number.isFinite(policy?.maxAgeSeconds) &&
    Array.isArray(policy?.mx) &&
    policy.mx.every((pattern) => typeof pattern === "string")
  );
}
