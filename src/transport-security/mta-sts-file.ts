import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
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

/** Policies that outlive the process. They are a memory: what is lost is fetched again. */
export interface MtaStsFile {
  /** What was written last; nothing when that cannot be read. */
  read(): readonly KeptPolicy[];
  /** Soon writes what `policies` then gives; many calls make one write. */
  write(policies: () => readonly KeptPolicy[]): void;
  /** Writes what is still to be written. Never rejects. */
  close(): Promise<void>;
}

const writeAfterMs = 10_000;
const form = 1;

/** @param onFailure is told when it cannot be written */
export function openMtaStsFile(path: string, onFailure: (cause: unknown) => void): MtaStsFile {
  let timer: NodeJS.Timeout | null = null;
  let wanted: (() => readonly KeptPolicy[]) | null = null;
  let writing = Promise.resolve();
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const policies = wanted;
    wanted = null;
    if (policies === null) return;
    writing = writing.then(() => save(path, policies())).catch(onFailure);
  };
  return {
    read: () => load(path),
    write: (policies) => {
      wanted = policies;
      timer ??= setTimeout(flush, writeAfterMs).unref();
    },
    close: () => {
      flush();
      return writing;
    },
  };
}

async function save(path: string, policies: readonly KeptPolicy[]): Promise<void> {
  // Never half a file: readers find this one or the one before.
  const fresh = `${path}.new`;
  await writeFile(fresh, JSON.stringify({ form, policies }), { mode: 0o600 });
  await rename(fresh, path);
}

function load(path: string): KeptPolicy[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return [];
  }
  const { form: found, policies } = (content ?? {}) as { form?: unknown; policies?: unknown };
  return found === form && Array.isArray(policies) ? policies.filter(isKeptPolicy) : [];
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
