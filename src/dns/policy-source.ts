import { LRUCache } from "lru-cache";
import {
  type DomainPolicy,
  isPolicyRecord,
  type PolicyRecord,
  type PolicyRecordResult,
  parsePolicyRecord,
} from "./policy-record.ts";
import type { Resolver } from "./resolver.ts";

/** What stands at `_vsmtp.<domain>`. */
export type PolicyRecordAnswer =
  | {
      readonly kind: "record";
      readonly record: PolicyRecord;
      /** As it stands, one character for each octet. */
      readonly text: string;
      /** Validated by DNSSEC. */
      readonly authenticated: boolean;
      /** Of the DNS answer; 0 for one that is remembered. */
      readonly ttlSeconds: number;
      /** Not in the DNS now: remembered for its `ma`, until then (Unix seconds) at the latest. */
      readonly remembered?: {
        readonly until: number;
        readonly insteadOf: "none" | "failure";
        readonly detail: string;
      };
    }
  | {
      /** No record that counts. */
      readonly kind: "none";
      /** Why one that is there does not count. */
      readonly problem: string | null;
      /** DNSSEC vouches that there is none at all. */
      readonly denied: boolean;
    }
  | { readonly kind: "failure"; readonly detail: string };

/** How mail From a domain wants to be handled. */
export type PolicyAnswer =
  | {
      readonly kind: "policy";
      readonly policy: DomainPolicy;
      /** `t=y`: report, do not apply. */
      readonly testing: boolean;
      /** Where the record stands: the domain itself, or the one above whose `sp` applies. */
      readonly publishedAt: string;
    }
  | { readonly kind: "none" }
  | { readonly kind: "failure"; readonly detail: string };

/**
 * Where policy records come from. `dnsPolicySource` asks the DNS each time; a PolicyMemory remembers records for their
 * `ma`.
 */
export interface PolicySource {
  /** The domain's own record: `ks`, `auth`, `dk`, `ep`, `sl` and the like are never inherited. */
  recordOf(domain: string, signal?: AbortSignal): Promise<PolicyRecordAnswer>;
  /** `p` for mail From the domain, `sp` of a domain above it where it has no record of its own. */
  policyFor(domain: string, signal?: AbortSignal): Promise<PolicyAnswer>;
}

/** Policy records straight out of the DNS. */
export function dnsPolicySource(resolver: Resolver): PolicySource {
  return {
    recordOf: (domain, signal) => lookUpPolicyRecord(domain, resolver, signal),
    policyFor: (domain, signal) => findPolicy(domain, (name) => lookUpPolicyRecord(name, resolver, signal)),
  };
}

/** The records that were read last: a record that is the same comes out as the same object. */
const lastRead = new LRUCache<string, PolicyRecordResult>({ max: 1000 });
const MAX_KNOWN_LENGTH = 1024;

function readRecord(text: string): PolicyRecordResult {
  if (text.length > MAX_KNOWN_LENGTH) return parsePolicyRecord(text);
  let read = lastRead.get(text);
  if (read === undefined) {
    read = parsePolicyRecord(text);
    lastRead.set(text, read);
  }
  return read;
}

/** Looks up the record of exactly this domain (POL-1, POL-12). */
export async function lookUpPolicyRecord(
  domain: string,
  resolver: Resolver,
  signal?: AbortSignal,
): Promise<PolicyRecordAnswer> {
  const none = (problem: string | null, denied = false) => ({ kind: "none", problem, denied }) as const;
  const txt = await resolver.txt(`_vsmtp.${domain}`, signal);
  if (txt.kind === "failure") return txt;
  if (txt.kind !== "records") return none(null, txt.authenticated);
  const { authenticated, ttlSeconds } = txt;
  const records = txt.records.filter(isPolicyRecord);
  const [text] = records;
  if (text === undefined) return none(null, authenticated);
  if (records.length > 1) return none(`${records.length} policy records count as none`);
  const parsed = readRecord(text);
  if (!parsed.ok) return none(parsed.problem);
  return { kind: "record", record: parsed.record, text, authenticated, ttlSeconds };
}

/**
 * The tree walk of RFC 9989 §4.10 with `_vsmtp` (POL-4, POL-18): the domain's own record gives `p`. Otherwise
 * the record with the fewest labels, which is the organization's, gives `sp`; one at a single label belongs to
 * a registry and serves only when there is no other. At most eight lookups.
 */
export async function findPolicy(
  domain: string,
  recordOf: (domain: string) => Promise<PolicyRecordAnswer>,
): Promise<PolicyAnswer> {
  let inherited: PolicyAnswer = { kind: "none" };
  for (let labels = domain.split("."); labels.length > 0; labels = shorten(labels)) {
    const name = labels.join(".");
    const answer = await recordOf(name);
    if (answer.kind === "failure") return answer;
    if (answer.kind === "none") continue;
    const { policy, subdomainPolicy, testing } = answer.record;
    if (name === domain) return { kind: "policy", policy, testing, publishedAt: name };
    if (labels.length > 1 || inherited.kind === "none") {
      inherited = { kind: "policy", policy: subdomainPolicy, testing, publishedAt: name };
    }
  }
  return inherited;
}

function shorten(labels: readonly string[]): string[] {
  // RFC 9989 §4.10 step 4: a name of eight labels or more goes on with its last seven.
  return labels.length > 7 ? labels.slice(-7) : labels.slice(1);
}
