import type { Trust } from "../signature/index.ts";

/** What a lookup did, step by step: for people who want to know why it came out as it did. */
export type TrailStep =
  | {
      readonly kind: "remembered";
      readonly what: "statement" | "stale statement" | "no-key" | "no-keyserver";
    }
  /** Another lookup for the same key was under way; its answer served. */
  | { readonly kind: "merged" }
  | { readonly kind: "over-budget"; readonly domain: string; readonly detail: string }
  | {
      readonly kind: "policy";
      readonly domain: string;
      readonly found: "record" | "none" | "failure";
      readonly authenticated: boolean;
      /** What is wrong with what is there. */
      readonly detail: string | null;
    }
  | {
      readonly kind: "hosts";
      readonly source: "mx" | "address" | "srv" | "sub" | "fallback";
      /** In the order to try them: `host:port`. */
      readonly hosts: readonly string[];
      readonly authenticated: boolean;
    }
  | {
      readonly kind: "addresses";
      readonly host: string;
      readonly addresses: readonly string[];
      /** Those that are not globally reachable (DIS-11). */
      readonly refused: readonly string[];
    }
  | {
      readonly kind: "connection";
      readonly target: string;
      readonly address: string;
      /** It was open already. */
      readonly kept: boolean;
    }
  | {
      readonly kind: "certificate";
      readonly target: string;
      readonly names: readonly string[];
      readonly issuer: string | null;
      /** ISO 8601 */
      readonly validTo: string | null;
      readonly problem: string | null;
      /** Judged by TLSA records (TRU-3) instead of by who issued it. */
      readonly dane: boolean;
      /** What it proves; null when it proves nothing about this domain. */
      readonly trust: Trust | null;
    }
  | {
      readonly kind: "mta-sts";
      readonly domain: string;
      readonly host: string;
      /** Null: no policy is known. */
      readonly mode: "enforce" | "testing" | "none" | null;
      /** It is enforced and names the host: what proves the host proves the domain (TRU-6). */
      readonly enforced: boolean;
    }
  | { readonly kind: "line"; readonly from: "client" | "server"; readonly text: string }
  | {
      readonly kind: "redirect";
      readonly from: string;
      readonly to: string;
      /** Of the connection it came over; null in plain text. */
      readonly trust: Trust | null;
    }
  | { readonly kind: "target-failed"; readonly target: string; readonly detail: string }
  | {
      /** `statement`: a server's. `staple`: came with the message (STP-1). */
      readonly kind: "statement" | "staple";
      readonly line: string;
      readonly outcome: string;
      readonly trust: Trust | null;
    };

export type Trail = (step: TrailStep) => void;

/** One step in words. */
export function describeStep(step: TrailStep): string {
  switch (step.kind) {
    case "remembered":
      return `remembered from an earlier lookup: ${step.what}`;
    case "merged":
      return "the same lookup is under way: waiting for its answer";
    case "over-budget":
      return `too many lookups for ${step.domain}: ${step.detail}`;
    case "policy": {
      const found = { record: "policy record", none: "no policy record", failure: "no answer" }[step.found];
      return `_vsmtp.${step.domain}: ${found}${validated(step)}${step.detail === null ? "" : ` (${step.detail})`}`;
    }
    case "hosts":
      return `${step.source}: ${step.hosts.join(", ") || "no usable host"}${validated(step)}`;
    case "addresses": {
      const refused = step.refused.length === 0 ? "" : `; not globally reachable: ${step.refused.join(", ")}`;
      return `${step.host}: ${step.addresses.join(", ") || "no address"}${refused}`;
    }
    case "connection":
      return `${step.target}: ${step.kept ? "open connection to" : "connected to"} ${step.address}`;
    case "certificate": {
      const proof = step.trust === null ? "proves nothing for this domain" : `${step.trust} trust`;
      const names = step.names.join(", ") || "no name";
      return `${step.target}: certificate for ${names}: ${proof}${step.problem === null ? "" : ` (${step.problem})`}`;
    }
    case "mta-sts":
      return `MTA-STS policy of ${step.domain}: ${step.mode ?? "none"}${step.enforced ? `, names ${step.host}` : ""}`;
    case "line":
      return `${step.from === "client" ? "C" : "S"}: ${step.text}`;
    case "redirect":
      return `${step.from} sends us to ${step.to} (${step.trust === null ? "in plain text" : `${step.trust} trust`})`;
    case "target-failed":
      return `${step.target}: ${step.detail}`;
    case "statement":
    case "staple":
      return `${step.kind}: ${step.outcome}${step.trust === null ? "" : `, ${step.trust} trust`}`;
  }
}

function validated(step: { readonly authenticated: boolean }): string {
  return step.authenticated ? ", validated by DNSSEC" : "";
}
