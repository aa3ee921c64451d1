import type { AuthenticationResult, Header } from "../message/index.ts";

/** What the other methods of authentication are asked about. */
export interface NeighbourQuestion {
  readonly client: {
    /** IPv4 or IPv6, without brackets. */
    readonly address: string;
    /** As in EHLO or HELO. */
    readonly helo: string;
  };
  /** Without brackets; empty for the null sender. */
  readonly reversePath: string;
  readonly header: Header;
  /** SHA-256 of the body in DKIM's relaxed form; null where it is not known, as with lines that mail must not have. */
  readonly bodyHashBase64: string | null;
  /** From the first octet behind the empty line; read only where the hash does not do. It may reject. */
  body(): AsyncIterable<Uint8Array>;
}

/** Result words of RFC 8601 §2.7 (spf, dkim), RFC 9989 (dmarc) and RFC 8617 (arc). */
export type NeighbourResult =
  | "none"
  | "pass"
  | "fail"
  | "softfail"
  | "neutral"
  | "policy"
  | "temperror"
  | "permerror";

/** What SPF, DKIM, DMARC and ARC came to (NBR-1). */
export interface NeighbourResults {
  /** For Authentication-Results, in order: spf, dkim (one for each signature), dmarc, arc. */
  readonly recorded: readonly AuthenticationResult[];
  readonly spf: { readonly result: NeighbourResult; readonly domain: string | null };
  readonly dkim: readonly {
    readonly result: NeighbourResult;
    /** `d=`, canonical. */
    readonly domain: string;
    readonly selector: string;
  }[];
  readonly dmarc: {
    readonly result: NeighbourResult;
    /** The From domain; null where there is not exactly one. */
    readonly domain: string | null;
    /** What the domain wants of mail that fails; null where it publishes nothing. */
    readonly policy: "none" | "quarantine" | "reject" | null;
  };
  readonly arc: {
    readonly result: NeighbourResult;
    /** `d=` of the seals of a chain that passes, the newest first; empty otherwise. */
    readonly sealers: readonly string[];
    /** Whether the oldest instance of such a chain recorded `vsmtp=pass`, `dmarc=pass` when the message was whole. */
    readonly recordedPass: { readonly vsmtp: boolean; readonly dmarc: boolean };
  };
  /** The From domain passes aligned DKIM or SPF (CCH-7). */
  readonly fromPasses: boolean;
}

/** Where they come from. Never rejects; what takes longer than its deadline is `temperror`. */
export interface NeighbourCheck {
  check(question: NeighbourQuestion): Promise<NeighbourResults>;
}
