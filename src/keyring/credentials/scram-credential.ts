import { createHmac } from "node:crypto";
import { decoyScramVerifier, SCRAM_SALT_OCTETS, type ScramVerifier } from "../../sasl/index.ts";
import type { MasterKey } from "../master-key.ts";
import { openCredentialSecret, sealCredentialSecret } from "./credential-secret.ts";

/**
 * RFC 7677 §4 asks for 4096 at least. Clients compute this at each login, telephones too: about 17 ms on a
 * computer. Whoever steals the store finds the verifiers sealed; this is for him who has the master key too.
 */
export const SCRAM_ITERATIONS = 65_536;

const ITERATIONS_AT = SCRAM_SALT_OCTETS;
const STORED_KEY_AT = ITERATIONS_AT + 4;
const SERVER_KEY_AT = STORED_KEY_AT + 32;
const OCTETS = SERVER_KEY_AT + 32;

/** Salt, iterations (32 bits), StoredKey, ServerKey: 84 octets, sealed. */
export function sealScramVerifier(
  verifier: ScramVerifier,
  accountId: string,
  masterKey: MasterKey,
): Uint8Array {
  const iterations = Buffer.alloc(4);
  iterations.writeUInt32BE(verifier.iterations);
  const octets = Buffer.concat([verifier.salt, iterations, verifier.storedKey, verifier.serverKey]);
  return sealCredentialSecret(octets, "scram", accountId, masterKey);
}

/** @throws MasterKeyError when it was changed, or moved from another account */
export function openScramVerifier(
  sealed: Uint8Array,
  accountId: string,
  masterKey: MasterKey,
): ScramVerifier {
  const octets = openCredentialSecret(sealed, "scram", accountId, masterKey);
  if (octets.length !== OCTETS)
    throw new Error(`the SCRAM verifier of account ${accountId} has an unknown form`);
  return {
    salt: octets.subarray(0, ITERATIONS_AT),
    iterations: octets.readUInt32BE(ITERATIONS_AT),
    storedKey: octets.subarray(STORED_KEY_AT, SERVER_KEY_AT),
    serverKey: octets.subarray(SERVER_KEY_AT),
  };
}

/** What SCRAM is checked with, also for names that have nothing. */
export class ScramVerifiers {
  readonly #masterKey: MasterKey;
  readonly #decoySecret: Uint8Array;
  readonly #sealedDecoy: Uint8Array;

  /** @param decoySecret of the keyring */
  constructor(masterKey: MasterKey, decoySecret: Uint8Array) {
    this.#masterKey = masterKey;
    this.#decoySecret = createHmac("sha256", decoySecret).update("SCRAM").digest();
    this.#sealedDecoy = sealScramVerifier(this.#decoy(""), "", masterKey);
  }

  /**
   * Takes as long, and looks the same, whether there is one or not.
   *
   * @param owned the sealed verifier of an account; null where a name has none
   * @throws MasterKeyError when it was changed, or moved from another account
   */
  find(
    owned: { readonly sealed: Uint8Array; readonly accountId: string } | null,
    name: string,
  ): ScramVerifier {
    const decoy = this.#decoy(name);
    const { sealed, accountId } = owned ?? { sealed: this.#sealedDecoy, accountId: "" };
    const opened = openScramVerifier(sealed, accountId, this.#masterKey);
    return owned === null ? decoy : opened;
  }

  #decoy(name: string): ScramVerifier {
    return decoyScramVerifier(this.#decoySecret, name, SCRAM_ITERATIONS);
  }
}
