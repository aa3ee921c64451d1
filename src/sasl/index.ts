// SASL (RFC 4422) on the server's side: octets in, octets out.
export {
  decoyScramVerifier,
  makeScramVerifier,
  SCRAM_SALT_OCTETS,
  type ScramVerifier,
} from "./scram-verifier.ts";
