import type { Config } from "../../config/index.ts";
import type { DomainRecord } from "../../keyring/index.ts";

/** What programs are told of a domain. */
export const domainFields = {
  domain: "its name, in A-labels",
  dk: "base64 of the public key that signs its key statements; null: they are not signed",
  epoch: "statements issued before this time are void (ep); null: none are",
  releases_keys: "whether its accounts' retired private keys are kept, to be published",
  created_at: "since when it is hosted",
  records: "the DNS records to publish, as lines of a zone file",
} as const;

/** What its DNS records depend on besides: the name of the host that answers for it, and whether statements are stapled. */
type Host = Pick<Config, "hostname" | "submission">;

/** How old a stapled statement may be (POL-11), seconds: re-keying has its effect that much later. */
const STAPLE_WINDOW_S = 300;
/** Receivers hear of another `dk` or `ep` that much later (CCH-10). */
const RECORD_TTL_S = 300;

export function domainObject(domain: DomainRecord, host: Host): Record<keyof typeof domainFields, unknown> {
  return {
    domain: domain.name,
    dk: domain.statementKey && base64(domain.statementKey.spki),
    epoch: domain.epoch,
    releases_keys: domain.releasesKeys,
    created_at: domain.createdAt,
    records: dnsRecords(domain, host),
  };
}

/**
 * What makes a domain's key server findable (DIS-1), its statements provable (POL-8), stapled (POL-11) and void (POL-9)
 * and, step by step, its policy strict (POL-1).
 */
export function dnsRecords(domain: DomainRecord, { hostname, submission }: Host): string[] {
  const { name, statementKey, epoch } = domain;
  const tags = ["v=VSMTP1", "p=none"];
  if (statementKey) tags.push(`dk=${base64(statementKey.spki)}`);
  if (statementKey && submission.staple) tags.push(`sl=${STAPLE_WINDOW_S}`);
  if (epoch !== null) tags.push(`ep=${epoch}`);
  return [`${name}. IN MX 10 ${hostname}.`, `_vsmtp.${name}. ${RECORD_TTL_S} IN TXT "${tags.join("; ")}"`];
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}
