import type { ChangeFeed } from "../changes/index.ts";
import type { StatementIssuer } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { Algorithm } from "../signature/index.ts";

/** What is public about one key of an address; times are Unix seconds. */
export interface DirectoryKey {
  /** Who has it, as the directory's changes name them. */
  readonly owner: string;
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

/** A domain that this server answers for. */
export interface DirectoryDomain {
  /** `ep` of its policy record: statements must not be issued before it (STA-12). */
  readonly epoch: number | null;
  /** `dk` of its policy record: its statements must be signed (STA-13). */
  readonly statementKey: Uint8Array | null;
}

/**
 * Where the public interface reads. It holds public data only: a process that serves keys needs no private ones.
 * Replies are remembered until the feed says that their owner or domain has changed.
 */
export interface KeyDirectory extends ChangeFeed {
  /** Does this server answer for the domain? Null when not. */
  domain(name: string): Promise<DirectoryDomain | null>;
  /**
   * All keys of an address, newest first; empty when no account has it.
   *
   * @param now Unix seconds
   */
  keys(address: Address, now: number): Promise<readonly DirectoryKey[]>;
}

/** Signs statements under the `dk` of domains that have one (STA-3). */
export interface StatementSigner extends StatementIssuer {
  /** Every domain has one, so SIGNED may be announced (STA-5). */
  readonly everyDomain: boolean;
}
