import { generateStatementKey } from "../key-pair.ts";
import type { DomainRecord } from "../records.ts";
import type { Administration } from "./administration.ts";
import { domainName } from "./names.ts";
import { type Outcome, refusal, result } from "./outcome.ts";

export interface NewDomainOptions {
  /** It gets a statement key `dk` (POL-8). */
  readonly signStatements?: boolean;
  /** Private keys of its accounts are published after their end (LIF-18). */
  readonly releaseKeys?: boolean;
}

export async function addDomain(
  administration: Administration,
  name: string,
  { signStatements = false, releaseKeys = false }: NewDomainOptions,
): Promise<Outcome<{ name: string }>> {
  const parsed = domainName(name);
  if (!parsed.ok) return parsed;
  const { domain } = parsed;
  const record: DomainRecord = {
    name: domain,
    epoch: null,
    statementKey: signStatements ? await generateStatementKey(domain, administration.masterKey) : null,
    releasesKeys: releaseKeys,
    createdAt: administration.now(),
  };
  const entry = administration.entry("domain.add", { subject: domain });
  return result(await administration.store.addDomain(record, entry), domain, { name: domain });
}

/** Keys that were retired before keep what was decided for them. */
export function changeDomain(
  administration: Administration,
  name: string,
  { releaseKeys }: { readonly releaseKeys: boolean },
): Promise<Outcome<{ domain: DomainRecord }>> {
  const detail = releaseKeys ? "private keys are released" : "private keys are destroyed";
  return change(administration, name, detail, async () => ({ releasesKeys: releaseKeys }));
}

/** A new `dk`; the policy record is to be changed with it (POL-8). */
export function replaceStatementKey(
  administration: Administration,
  name: string,
): Promise<Outcome<{ domain: DomainRecord }>> {
  return change(administration, name, "new statement key", async (domain) => ({
    statementKey: await generateStatementKey(domain.name, administration.masterKey),
  }));
}

/** Every statement issued before now is void (POL-9), as soon as the policy record says the new `ep`. */
export function raiseEpoch(
  administration: Administration,
  name: string,
): Promise<Outcome<{ domain: DomainRecord }>> {
  return change(administration, name, "epoch raised", async (domain) =>
    raisedEpoch(domain, administration.now()),
  );
}

/** It never goes back, even when the clock does. */
export function raisedEpoch(domain: DomainRecord, now: number): { epoch: number } {
  return { epoch: Math.max(now, domain.epoch ?? 0) };
}

export async function removeDomain(administration: Administration, name: string): Promise<Outcome> {
  const parsed = domainName(name);
  if (!parsed.ok) return parsed;
  const entry = administration.entry("domain.remove", { subject: parsed.domain });
  return result(await administration.store.removeDomain(parsed.domain, entry), parsed.domain, {});
}

async function change(
  administration: Administration,
  name: string,
  detail: string,
  changed: (domain: DomainRecord) => Promise<Partial<DomainRecord>>,
): Promise<Outcome<{ domain: DomainRecord }>> {
  const parsed = domainName(name);
  if (!parsed.ok) return parsed;
  const before = await administration.store.domain(parsed.domain);
  if (before === null) return refusal("not-hosted", parsed.domain);
  const domain = { ...before, ...(await changed(before)) };
  const entry = administration.entry("domain.change", { subject: domain.name, detail });
  return result(await administration.store.changeDomain(domain, entry), domain.name, { domain });
}
