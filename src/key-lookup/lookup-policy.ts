import { createHash } from "node:crypto";
import type { PolicyRecord, PolicyRecordAnswer } from "../dns/index.ts";
import type { Trust } from "../signature/index.ts";

/** What the domain's policy record means for a lookup. */
export interface LookupPolicy {
  readonly discovery: PolicyRecord["discovery"];
  /** The domain's wish or our own, whichever is stricter (TRU-8). */
  readonly requiredTrust: Trust;
  readonly statementKeys: readonly Uint8Array[];
  /** `dk` was learnt through DNSSEC: a signature under it is domain trust (TRU-7). */
  readonly statementKeysAuthenticated: boolean;
  readonly epoch: number;
  /** How old a statement may be that a message brings along (STP-2). */
  readonly stapleSeconds: number;
  /** The domain has a record, in the DNS or remembered. */
  readonly published: boolean;
  /** Another one whenever anything is that a remembered answer depends on (CCH-9). */
  readonly fingerprint: string;
}

/** By record: most questions are about records that were seen a moment ago. */
const known = new WeakMap<PolicyRecord, Map<string, LookupPolicy>>();

export function lookupPolicy(
  found: Exclude<PolicyRecordAnswer, { kind: "failure" }>,
  requiredTrust: Trust,
): LookupPolicy {
  const { record, authenticated } = found.kind === "record" ? found : NO_RECORD;
  let policies = known.get(record);
  if (policies === undefined) {
    policies = new Map();
    known.set(record, policies);
  }
  const key = `${requiredTrust} ${authenticated}`;
  let policy = policies.get(key);
  if (policy === undefined) {
    policy = build(record, authenticated, requiredTrust);
    policies.set(key, policy);
  }
  return policy;
}

/** What holds without a record: the defaults of all tags. */
const NO_RECORD = {
  authenticated: false,
  record: {
    policy: "none",
    subdomainPolicy: "none",
    testing: false,
    discovery: "mx",
    requiredTrust: "host",
    statementKeys: [],
    epoch: 0,
    rememberSeconds: 0,
    stapleSeconds: 0,
    reportAddress: null,
    logKey: null,
  } satisfies PolicyRecord as PolicyRecord,
};

function build(record: PolicyRecord, authenticated: boolean, wanted: Trust): LookupPolicy {
  const { discovery, statementKeys, epoch, stapleSeconds } = record;
  const requiredTrust = record.requiredTrust === "domain" ? "domain" : wanted;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([discovery, requiredTrust, authenticated, epoch]));
  for (const spki of statementKeys) hash.update(spki);
  return {
    discovery,
    requiredTrust,
    statementKeys,
    statementKeysAuthenticated: authenticated,
    epoch,
    stapleSeconds,
    published: record !== NO_RECORD.record,
    fingerprint: hash.digest("base64"),
  };
}
