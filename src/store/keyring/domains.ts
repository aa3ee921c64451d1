import type { DomainRecord, PublicDomain, StoreOutcome } from "../../keyring/index.ts";
import { text } from "../sql/columns.ts";
import { all, first, type Program, run } from "../sql/program.ts";
import { domainOf, publicDomainOf } from "./rows.ts";

export function* publicDomain(name: string): Program<PublicDomain | null> {
  const row = yield* first("SELECT name, epoch, statement_spki FROM domain WHERE name = ?", name);
  return row && publicDomainOf(row);
}

export function* publicDomains(): Program<readonly PublicDomain[]> {
  return (yield* all("SELECT name, epoch, statement_spki FROM domain ORDER BY name")).map(publicDomainOf);
}

export function* domain(name: string): Program<DomainRecord | null> {
  const row = yield* first("SELECT * FROM domain WHERE name = ?", name);
  return row && domainOf(row);
}

export function* domains(): Program<readonly DomainRecord[]> {
  return (yield* all("SELECT * FROM domain ORDER BY name")).map(domainOf);
}

export function* addDomain(record: DomainRecord, changed: Set<string>): Program<StoreOutcome> {
  const added = yield* run(
    `INSERT INTO domain (name, epoch, statement_spki, statement_sealed, releases_keys, created_at)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    record.name,
    record.epoch,
    record.statementKey?.spki ?? null,
    record.statementKey?.sealed ?? null,
    record.releasesKeys ? 1 : 0,
    record.createdAt,
  );
  changed.add(record.name);
  return added === 1 ? "done" : "exists";
}

export function* changeDomain(record: DomainRecord, changed: Set<string>): Program<StoreOutcome> {
  const found = yield* run(
    "UPDATE domain SET epoch = ?, statement_spki = ?, statement_sealed = ?, releases_keys = ? WHERE name = ?",
    record.epoch,
    record.statementKey?.spki ?? null,
    record.statementKey?.sealed ?? null,
    record.releasesKeys ? 1 : 0,
    record.name,
  );
  changed.add(record.name);
  return found === 1 ? "done" : "not-hosted";
}

export function* removeDomain(name: string, changed: Set<string>): Program<StoreOutcome> {
  if (yield* first("SELECT 1 FROM address WHERE domain = ? LIMIT 1", name)) return "in-use";
  // What accounts of other domains were granted for the whole of it ends with it.
  for (const row of yield* all("SELECT DISTINCT account FROM grant_held WHERE domain = ?", name)) {
    changed.add(text(row, "account"));
  }
  changed.add(name);
  return (yield* run("DELETE FROM domain WHERE name = ?", name)) === 1 ? "done" : "not-hosted";
}
