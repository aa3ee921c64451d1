import type { Address } from "../message/index.ts";
import type { Algorithm } from "./algorithm.ts";
import type { Trust } from "./verdict.ts";

/** What a verifier asks about one signature field. */
export interface KeyQuery {
  readonly identity: Address;
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** The field's `t`, Unix seconds. */
  readonly signedAt: number;
  /** Unix seconds. */
  readonly now: number;
}

/** The answer, every check of STA on the key statement being done. */
export type KeyAnswer =
  | {
      readonly kind: "key";
      /** DER SubjectPublicKeyInfo. */
      readonly spki: Uint8Array;
      /** The values of `og`: grant hashes, or `*` (IDY-13). */
      readonly grants: readonly string[];
      readonly trust: Trust | null;
      /** The statement came with the message, no key server was asked (STP-2). */
      readonly stapled?: boolean;
    }
  | {
      readonly kind: "fail";
      readonly reason: "no-keyserver" | "no-key" | "bad-key" | "revoked" | "suspended";
      readonly detail: string;
    }
  | { readonly kind: "temperror"; readonly detail: string };

/** The only door from verifying to the world: a file of statements, a cache, a real key server. */
export interface KeySource {
  /** Never rejects for anything that the network or the key server did: that is an answer. */
  lookUp(query: KeyQuery): Promise<KeyAnswer>;
}
