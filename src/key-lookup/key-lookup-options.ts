import type { SecureContext } from "node:tls";
import type { PolicySource, Resolver } from "../dns/index.ts";
import type { Dialer } from "../key-protocol/index.ts";
import type { Trust } from "../signature/index.ts";
import type { MtaStsPolicies } from "../transport-security/index.ts";
import type { KnownDomains } from "./known-domains.ts";
import type { Budget } from "./miss-budget.ts";

export interface KeyLookupOptions {
  /** Should keep answers for their TTL: every lookup asks for the policy record. */
  readonly resolver: Resolver;
  /** Default: straight out of the resolver. */
  readonly policies?: PolicySource;
  /** Default: TCP to the address and port. */
  readonly dialer?: Dialer;
  /** Certificate authorities trusted besides the system's, PEM. */
  readonly ca?: readonly string[];
  /** Instead of `ca`: everything that is trusted, for many lookups or a network of its own. */
  readonly secureContext?: SecureContext;
  /** Where key servers listen (DIS-2). Default 8757. */
  readonly port?: number;
  /** For closed test networks only (TRU-10): addresses need not be globally reachable (DIS-11). */
  readonly allowPrivateAddresses?: boolean;
  /** `domain` asks more of every domain than `auth=domain` does of some (TRU-8). Default `host`. */
  readonly requiredTrust?: Trust;
  /** Look at TLSA records of key servers (TRU-3). Default true. */
  readonly dane?: boolean;
  /** Policies that make an MX host the domain's (TRU-6); null, the default: none do. */
  readonly mtaSts?: Pick<MtaStsPolicies, "policyOf"> | null;
  /**
   * A domain without record all of whose hosts refuse connections for more than an hour has no key server (DIS-10). Default
   * false: that is `temperror`, for they may come back.
   */
  readonly concludeFromRefusals?: boolean;
  /** Domains known for less than a week are asked each time (CCH-8); null, the default: as others. */
  readonly known?: KnownDomains | null;
  /** Does everybody's mail come from this address, so that its network must not pay for what some of it does? Default: none. */
  readonly isGateway?: (address: string) => boolean;
  readonly deadlines?: Partial<LookupDeadlines>;
  /** Statements and refusals held in memory. Default 50000. */
  readonly maxRemembered?: number;
  /** No statement is remembered for longer, whatever it says (CCH-4). Default 3600, at least 60. */
  readonly maxStatementSeconds?: number;
  /** Most lookups of one domain. Default CCH-6: what forged mail may make us ask. */
  readonly domainBudget?: Budget;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/** What a server may cost (KEY-17, KEY-18); tests set less. */
export interface LookupDeadlines {
  /** For connecting, the greeting, STLS and the handshake, each. Default 5000. */
  readonly stepMs: number;
  /** For each line of a reply. Default 10000. */
  readonly replyMs: number;
  /** For a whole lookup, DNS included. Default 25000. */
  readonly lookupMs: number;
}
