import type { CertificateStep, DnsStep, PolicyStep, TrailStep } from "./trail.ts";

/** One step in words. */
export function describeStep(step: TrailStep): string {
  switch (step.kind) {
    case "policy":
      return describePolicy(step);
    case "dns":
      return describeDns(step);
    case "hosts":
      return `${step.source}: ${step.hosts.join(", ") || "no usable host"}${validated(step)}`;
    case "target":
      return step.target;
    case "addresses": {
      const refused = step.refused.length === 0 ? "" : `; not globally reachable: ${step.refused.join(", ")}`;
      return `${step.host}: ${step.addresses.join(", ") || "no address"}${refused}`;
    }
    case "connecting":
      return `connecting to ${step.target} at ${step.address}`;
    case "connection":
      return `${step.target}: ${step.kept ? "open connection to" : "connected to"} ${step.address}`;
    case "certificate":
      return describeCertificate(step);
    case "mta-sts":
      return `MTA-STS policy of ${step.domain}: ${step.mode ?? "none"}${step.enforced ? `, names ${step.host}` : ""}`;
    case "line":
      return `${step.from === "client" ? "C" : "S"}: ${step.text}`;
    case "redirect":
      return `${step.from} sends us to ${step.to} (${step.trust === null ? "in plain text" : `${step.trust} trust`})`;
    case "target-failed":
      return `${step.target}: ${step.detail}`;
    case "paused":
      return `${step.target}: left alone for ${step.seconds} s`;
    case "statement":
    case "staple":
      return `${step.kind}: ${step.outcome}${step.trust === null ? "" : `, ${step.trust} trust`}`;
    case "remembered":
      return `remembered from an earlier lookup for another ${step.seconds} s: ${step.what}`;
    case "merged":
      return "the same lookup is under way: waiting for its answer";
    case "kept": {
      const stale = step.staleSeconds > 0 ? `, and ${step.staleSeconds} s more while no server answers` : "";
      return `${KEPT[step.what]} is remembered for ${step.seconds} s${stale}`;
    }
    case "over-budget":
      return `too many lookups for ${step.domain}: ${step.detail}`;
  }
}

const KEPT = {
  statement: "the statement",
  "no-key": "that there is no such key",
  "no-keyserver": "that there is no key server",
} as const;

function describePolicy(step: PolicyStep): string {
  const found = { record: "policy record", none: "no policy record", failure: "no answer" }[step.found];
  const detail = step.detail === null ? "" : ` (${step.detail})`;
  const memory = step.rememberedUntil === null ? "" : ", remembered from earlier";
  return `_vsmtp.${step.domain}: ${found}${validated(step)}${memory}${detail}`;
}

function describeDns(step: DnsStep): string {
  const alias = step.canonicalName === null ? "" : `, through ${step.canonicalName}`;
  const found = { records: step.records.join(", "), nodata: "none", nxdomain: "no such name", failure: "?" };
  const ttl = step.ttlSeconds === null ? "" : `, TTL ${step.ttlSeconds} s`;
  return `${step.type} ${step.name}: ${step.detail ?? found[step.found]}${alias}${ttl}${validated(step)}`;
}

function describeCertificate(step: CertificateStep): string {
  const proof = step.trust === null ? "proves nothing for this domain" : `${step.trust} trust`;
  const names = step.names.join(", ") || "no name";
  const dane = step.dane && step.problem === null ? ", as its TLSA records say" : "";
  const problem = step.problem === null ? "" : ` (${step.problem})`;
  return `${step.target}: certificate for ${names}: ${proof}${dane}${problem}`;
}

function validated(step: { readonly authenticated: boolean }): string {
  return step.authenticated ? ", validated by DNSSEC" : "";
}
