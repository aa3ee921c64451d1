import type { SaslBackend, SaslOutcome } from "./backend.ts";

/** `malformed`: what the client sent is none of the mechanism. */
export type SaslVerdict<User> = SaslOutcome<User> | { readonly kind: "malformed" };

/** A mechanism is a dialogue: it yields challenges, is given responses, and returns what came of it. */
export type Dialogue<User> = AsyncGenerator<Uint8Array, SaslVerdict<User>, Uint8Array>;

export interface SaslOptions<User> {
  readonly backend: SaslBackend<User>;
  /** tls-exporter value (RFC 9266) of the client's TLS session; null where it has none. */
  readonly channelBinding: Uint8Array | null;
  /** The server's part of SCRAM's nonce: printable ASCII without comma. */
  readonly newNonce?: () => string;
}
