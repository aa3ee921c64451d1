import type { KeyOperation } from "../key-lifecycle.ts";
import { generateStatementKey } from "../key-pair.ts";
import type { DomainRecord } from "../records.ts";
import type { Administration } from "./administration.ts";
import { raisedEpoch } from "./domains.ts";
import { draftReplacement } from "./keys.ts";
import { domainName } from "./names.ts";
import { type Outcome, refusal } from "./outcome.ts";

const PAGE = 200;

/** @param of how many accounts there are; it may end with less, since some need nothing */
export type Progress = (done: number, of: number) => void;

export interface BulkOptions {
  /** Null: every domain. */
  readonly domain: string | null;
  readonly onProgress?: Progress;
}

/** Rotates every active key that is older, as LIF-8 recommends to do once a year. */
export async function rotateDue(
  administration: Administration,
  olderThanSeconds: number,
  { domain, onProgress = () => {} }: BulkOptions,
): Promise<Outcome<{ replaced: number }>> {
  const domains = await chosenDomains(administration, domain);
  if (!domains.ok) return domains;
  const of = await administration.store.countAccounts(domain === null ? null : (domains.names[0] ?? null));
  let replaced = 0;
  for (const name of domains.names) {
    const before = replaced;
    const madeBefore = administration.now() - olderThanSeconds;
    replaced += await replaceKeysMadeBefore(administration, name, madeBefore, "rotate", (done) =>
      onProgress(before + done, of),
    );
  }
  return { ok: true, replaced };
}

/**
 * After a compromise of the key server (LIF-15): domain by domain a new statement key, `ep` = now, and a new key for
 * every account. Suspended accounts are left out: they get theirs when they are resumed, and their present keys
 * answer `suspended`.
 *
 * @param options `resume`: goes on where an earlier run was broken off, which the epoch of each domain tells: only
 *   keys from before it are replaced, and epoch and statement key stay
 */
export async function rekeyAll(
  administration: Administration,
  { domain, onProgress = () => {}, resume = false }: BulkOptions & { readonly resume?: boolean },
): Promise<Outcome<{ domains: readonly DomainRecord[]; replaced: number }>> {
  const chosen = await chosenDomains(administration, domain);
  if (!chosen.ok) return chosen;
  const of = await administration.store.countAccounts(domain === null ? null : (chosen.names[0] ?? null));
  // All epochs first: statements about every old key are void before the long part begins.
  const domains: DomainRecord[] = [];
  for (const name of chosen.names) {
    const record = await administration.store.domain(name);
    if (record === null) continue;
    domains.push(resume && record.epoch !== null ? record : await newEpoch(administration, record));
  }
  let replaced = 0;
  for (const { name, epoch } of domains) {
    const before = replaced;
    // A key of the epoch's own second may be older than the epoch: it is replaced too.
    replaced += await replaceKeysMadeBefore(administration, name, (epoch ?? 0) + 1, "bulk re-key", (done) =>
      onProgress(before + done, of),
    );
  }
  return { ok: true, domains, replaced };
}

async function newEpoch(administration: Administration, before: DomainRecord): Promise<DomainRecord> {
  const { store, masterKey } = administration;
  const domain: DomainRecord = {
    ...before,
    ...raisedEpoch(before, administration.now()),
    statementKey: before.statementKey && (await generateStatementKey(before.name, masterKey)),
  };
  const detail = "bulk re-key: epoch raised, new statement key";
  await store.changeDomain(domain, administration.entry("domain.change", { subject: domain.name, detail }));
  return domain;
}

/** In pages, a transaction each: broken off between two, it has done whole accounts only. */
async function replaceKeysMadeBefore(
  administration: Administration,
  domainName: string,
  madeBefore: number,
  operation: KeyOperation,
  onProgress: (done: number) => void,
): Promise<number> {
  const { store } = administration;
  let replaced = 0;
  let after: string | null = null;
  for (;;) {
    const page = await store.accountsWithKeysBefore(madeBefore, {
      domain: domainName,
      after,
      limit: PAGE,
      state: "active",
    });
    const last = page.at(-1);
    if (last === undefined) return replaced;
    const domain = await store.domain(domainName);
    const drafts = await Promise.all(
      page.map(async (account) => {
        const { replacement, entry } = await draftReplacement(administration, account, domain, operation);
        return [replacement, { ...entry, detail: operation === "rotate" ? "due" : operation }] as const;
      }),
    );
    const outcomes = await store.replaceKeysOfMany(drafts);
    replaced += outcomes.filter((outcome) => outcome === "done").length;
    onProgress(replaced);
    after = last.primaryAddress;
  }
}

async function chosenDomains(
  administration: Administration,
  domain: string | null,
): Promise<Outcome<{ names: readonly string[] }>> {
  if (domain === null) {
    const domains = await administration.store.domains();
    return { ok: true, names: domains.map(({ name }) => name) };
  }
  const parsed = domainName(domain);
  if (!parsed.ok) return parsed;
  if ((await administration.store.domain(parsed.domain)) === null)
    return refusal("not-hosted", parsed.domain);
  return { ok: true, names: [parsed.domain] };
}
