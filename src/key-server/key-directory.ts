import type { Address } from "../message/index.ts";
import type { Algorithm } from "../signature/index.ts";

/** What is public about one key of an address; times are Unix seconds. */
export interface DirectoryKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly state: "active" | "retired" | "revoked" | "suspended";
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Grant hashes, or `*`; at most 32. */
  readonly grants: readonly string[];
}

/** Where the public interface reads. It holds public data only: a process that serves keys needs no private ones. */
export interface KeyDirectory {
  /** Differs from every earlier value once anything changed. Asked for at each request: it has to be cheap. */
  changeCount(): number;
  /** Does this server answer for the domain? Null when not. */
  domain(name: string): object | null | Promise<object | null>;
  /**
   * All keys of an address, newest first; empty when no account has it.
   *
   * @param now Unix seconds
   */
  keys(address: Address, now: number): readonly DirectoryKey[] | Promise<readonly DirectoryKey[]>;
}

/** Signs statements under the domain's `dk` (STA-3). Where statements are not signed there is none. */
export interface StatementSigner {
  /** The octets of `s` over a statement's text, or null where the domain has no statement key. */
  sign(domain: string, text: string): Uint8Array | null;
  /** Every domain has one, so SIGNED may be announced (STA-5). */
  readonly everyDomain: boolean;
}
