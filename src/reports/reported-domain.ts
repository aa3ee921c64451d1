import { isPolicyRecord, type PolicySource, type Resolver } from "../dns/index.ts";
import type { ReportedPolicy } from "./aggregate-report.ts";
import { permissionName, type ReportDestination, reportDestinations } from "./report-destinations.ts";

/** A domain whose record asks for reports. */
export interface ReportedDomain {
  readonly domain: string;
  readonly policy: ReportedPolicy;
  /** Never empty. */
  readonly destinations: readonly ReportDestination[];
}

export type DomainAnswer =
  | { readonly kind: "wanted"; readonly owner: ReportedDomain }
  /** It asks for none. */
  | { readonly kind: "unwanted" }
  | { readonly kind: "failure"; readonly detail: string };

/**
 * Who hears of mail of a domain: the record that decides its policy (POL-4, POL-18) names where reports go. So forged
 * names below a domain make no reports of their own.
 */
export async function reportedDomainOf(mailDomain: string, policies: PolicySource): Promise<DomainAnswer> {
  const policy = await policies.policyFor(mailDomain);
  if (policy.kind === "failure") return policy;
  if (policy.kind === "none") return { kind: "unwanted" };
  const { publishedAt: domain } = policy;
  const answer = await policies.recordOf(domain);
  if (answer.kind === "failure") return answer;
  const rua = answer.kind === "record" ? answer.record.reportAddress : null;
  const destinations = rua === null ? [] : reportDestinations(rua);
  if (answer.kind !== "record" || destinations.length === 0) return { kind: "unwanted" };
  return { kind: "wanted", owner: { domain, policy: answer.record.policy, destinations } };
}

/** Whether a destination takes reports of a domain (REP-3). Null: it does. Else why not, or not now. */
export async function whyNotSentTo(
  domain: string,
  { host }: ReportDestination,
  resolver: Pick<Resolver, "txt">,
): Promise<string | null> {
  const name = permissionName(domain, host);
  if (name === null) return null;
  const answer = await resolver.txt(name);
  if (answer.kind === "failure") return `${name}: ${answer.detail}`;
  const permitted = answer.kind === "records" && answer.records.some(isPolicyRecord);
  return permitted ? null : `${host} does not say at ${name} that it takes them`;
}
