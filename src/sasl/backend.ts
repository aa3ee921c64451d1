import type { ScramVerifier } from "./scram-verifier.ts";

/**
 * What a login came to. `suspended` is for those who proved who they are; `rejected` says nothing about what was
 * wrong; `busy`: ask again later.
 */
export type SaslOutcome<User> =
  | { readonly kind: "accepted"; readonly user: User }
  | { readonly kind: "rejected" }
  | { readonly kind: "suspended" }
  | { readonly kind: "busy" };

/** What a SCRAM exchange showed. */
export type ScramProof =
  /** The client knows the password, and with this key it proves it (RFC 5802 §3). It is wiped afterwards. */
  | { readonly kind: "proved"; readonly clientKey: Uint8Array }
  /**
   * `proof`: another password. `channel-binding`: the client is in another TLS session than we are. `downgrade`: it
   * was made to believe that we offer no channel binding. Behind the last two is somebody in the middle.
   */
  | { readonly kind: "failed"; readonly reason: "proof" | "channel-binding" | "downgrade" };

/** Somebody who wants to be known by SCRAM. */
export interface ScramCandidate<User> {
  /** Of a name that is nobody's: {@link decoyScramVerifier}. */
  readonly verifier: ScramVerifier;
  /** Asked once, unless the client goes away before. */
  conclude(proof: ScramProof): Promise<SaslOutcome<User>>;
}

/**
 * Where the mechanisms ask. Names are as the client wrote them; an empty `authzid`: as himself (RFC 4422 §3.4.1).
 *
 * @typeParam User what a login gives; opaque to this module
 */
export interface SaslBackend<User> {
  /** PLAIN and LOGIN. */
  password(given: {
    readonly authcid: string;
    readonly authzid: string;
    readonly password: string;
  }): Promise<SaslOutcome<User>>;
  /** SCRAM: who it would be. An outcome ends the exchange at once. */
  scram(given: {
    readonly authcid: string;
    readonly authzid: string;
  }): Promise<ScramCandidate<User> | SaslOutcome<User>>;
  /** OAUTHBEARER: an access token (RFC 6750). */
  token(given: { readonly authzid: string; readonly token: string }): Promise<SaslOutcome<User>>;
}
