// SASL (RFC 4422) on the server's side: octets in, octets out. Where passwords and tokens are checked is the backend's.
export type { SaslBackend, SaslOutcome, ScramCandidate, ScramProof } from "./backend.ts";
export type { SaslOptions } from "./dialogue.ts";
export { type SaslExchange, type SaslStep, saslExchange } from "./exchange.ts";
export {
  decoyScramVerifier,
  makeScramVerifier,
  SCRAM_SALT_OCTETS,
  type ScramVerifier,
} from "./scram-verifier.ts";
