/** What a server proved itself with in a TLS handshake. */
export interface PeerCertificates {
  /** DER, the server's own first, then each one's issuer as far as it is known. */
  readonly chain: readonly Uint8Array[];
  /** Null: valid for the name by the trusted authorities; else why not, for people. */
  readonly webPkiProblem: string | null;
}
