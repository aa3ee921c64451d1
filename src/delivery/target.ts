import type { NextHopCredentials } from "../config/index.ts";
import type { Resolver } from "../dns/index.ts";
import type { DialTarget } from "../smtp/index.ts";
import type { MtaStsPolicies } from "../transport-security/index.ts";
import { ownResult, type Result } from "./result.ts";
import type { Security } from "./security.ts";

/** A server to try, and how. */
export interface Target {
  readonly place: DialTarget;
  readonly protocol: "smtp" | "lmtp";
  readonly security: Security;
  readonly credentials: NextHopCredentials | null;
}

export interface TargetOptions {
  readonly resolver: Resolver;
  /** This host's name: where it stands among the mail hosts, it and all less preferred ones are no way on. */
  readonly hostname: string;
  /** Whether mail sent to this address would come back to us, under whatever name it was found. */
  readonly isOwnAddress: (address: string) => boolean;
  /** For closed test networks. */
  readonly allowPrivateAddresses: boolean;
  /** Where mail hosts listen; 25 but in test networks. */
  readonly port: number;
  /** Uniform in [0, 1): orders hosts of equal preference. */
  readonly random: () => number;
  /** Whether TLSA records count (RFC 7672). */
  readonly dane: boolean;
  /** Null: MTA-STS does not count. */
  readonly mtaSts: MtaStsPolicies | null;
  /** Ends lookups: nobody waits for them any more. */
  readonly signal: AbortSignal;
}

/** The servers to try, best first; or what is to be said of the message when there is none. */
export type Targets =
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "result"; readonly result: Result };

export function noTargets(enhanced: string, text: string): Targets {
  return { kind: "result", result: ownResult(enhanced, text) };
}

/** RFC 5321 §5.1 wants at least two tried. */
const maxAddressesPerHost = 2;

/**
 * The addresses of a host to try: of each kind one first, IPv6 before IPv4 (RFC 8305 §4), so that a host whose one kind
 * does not work is reached by the other.
 */
export function addressesToTry(addresses: readonly string[]): string[] {
  const ipv6 = addresses.filter((address) => address.includes(":"));
  const ipv4 = addresses.filter((address) => !address.includes(":"));
  const ordered: string[] = [];
  for (let index = 0; index < Math.max(ipv6.length, ipv4.length); index++) {
    ordered.push(...[ipv6[index], ipv4[index]].filter((address) => address !== undefined));
  }
  return ordered.slice(0, maxAddressesPerHost);
}
