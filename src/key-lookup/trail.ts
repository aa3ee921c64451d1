import type { Trust } from "../signature/index.ts";

/** What a lookup did, step by step: for people who want to know why it came out as it did. */
export type TrailStep =
  | PolicyStep
  | DnsStep
  | {
      readonly kind: "hosts";
      readonly source: "mx" | "address" | "srv" | "sub" | "fallback";
      /** In the order to try them: `host:port`. */
      readonly hosts: readonly string[];
      readonly authenticated: boolean;
    }
  /** Begins with the next of them. */
  | { readonly kind: "target"; readonly target: string }
  | {
      readonly kind: "addresses";
      readonly host: string;
      readonly addresses: readonly string[];
      /** Those that are not globally reachable (DIS-11). */
      readonly refused: readonly string[];
    }
  /** A connection is wanted; where none is open yet, what is said until TLS begins follows as lines. */
  | { readonly kind: "connecting"; readonly target: string; readonly address: string }
  | {
      readonly kind: "connection";
      readonly target: string;
      readonly address: string;
      /** It was open already. */
      readonly kept: boolean;
    }
  | CertificateStep
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
  /** It is left alone for a while (CCH-4). */
  | { readonly kind: "paused"; readonly target: string; readonly seconds: number }
  | {
      /** `statement`: a server's. `staple`: came with the message (STP-1). */
      readonly kind: "statement" | "staple";
      readonly line: string;
      readonly outcome: string;
      /** `s` verifies under the domain's `dk`. */
      readonly signed: boolean;
      readonly trust: Trust | null;
    }
  | MemoryStep
  | { readonly kind: "over-budget"; readonly domain: string; readonly detail: string };

export type Trail = (step: TrailStep) => void;

export interface PolicyStep {
  readonly kind: "policy";
  readonly domain: string;
  readonly found: "record" | "none" | "failure";
  /** The record; null where there is none that counts. */
  readonly text: string | null;
  readonly authenticated: boolean;
  /** What is wrong with what is there. */
  readonly detail: string | null;
  /** Of the DNS answer; null where there is no record. */
  readonly ttlSeconds: number | null;
  /** It is not in the DNS now: remembered until then, Unix seconds (POL-10, POL-15). */
  readonly rememberedUntil: number | null;
}

/** A question to the DNS on the way to a server. */
export interface DnsStep {
  readonly kind: "dns";
  readonly type: "A and AAAA" | "MX" | "SRV" | "TLSA";
  readonly name: string;
  readonly found: "records" | "nodata" | "nxdomain" | "failure";
  /** As in a zone file. */
  readonly records: readonly string[];
  /** Where CNAME records led to; null where there were none. */
  readonly canonicalName: string | null;
  readonly authenticated: boolean;
  readonly ttlSeconds: number | null;
  readonly detail: string | null;
}

export interface CertificateStep {
  readonly kind: "certificate";
  readonly target: string;
  readonly names: readonly string[];
  readonly issuer: string | null;
  /** ISO 8601 */
  readonly validTo: string | null;
  /** As `TLSv1.3`. */
  readonly tls: string | null;
  readonly problem: string | null;
  /** Judged by TLSA records (TRU-3) instead of by who issued it. */
  readonly dane: boolean;
  /** Those of the names that count for this lookup that it proves. */
  readonly proves: readonly string[];
  /** What that is worth; null when it proves nothing about this domain. */
  readonly trust: Trust | null;
}

type MemoryStep =
  | {
      readonly kind: "remembered";
      readonly what: "statement" | "stale statement" | "no-key" | "no-keyserver";
      /** For how much longer. */
      readonly seconds: number;
    }
  /** Another lookup for the same key was under way; its answer served. */
  | { readonly kind: "merged" }
  /** What was said is remembered from now on (CCH-1, CCH-4). */
  | {
      readonly kind: "kept";
      readonly what: "statement" | "no-key" | "no-keyserver";
      readonly seconds: number;
      /** For as much longer while no server answers (CCH-3). */
      readonly staleSeconds: number;
    };
