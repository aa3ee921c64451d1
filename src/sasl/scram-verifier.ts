import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

const pbkdf2Async = promisify(pbkdf2);

const HASH_OCTETS = 32;
export const SCRAM_SALT_OCTETS = 16;

/** What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677). */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** SHA-256 of the ClientKey, 32 octets. */
  readonly storedKey: Uint8Array;
  /** 32 octets. */
  readonly serverKey: Uint8Array;
}

/**
 * @param password prepared already
 * @returns with the verifier the ClientKey, which only whoever knows the password has: to be wiped, not kept
 */
export async function makeScramVerifier(
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<{ verifier: ScramVerifier; clientKey: Buffer }> {
  const salted = await pbkdf2Async(password, salt, iterations, HASH_OCTETS, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const serverKey = hmac(salted, "Server Key");
  salted.fill(0);
  return { verifier: { salt, iterations, storedKey: sha256(clientKey), serverKey }, clientKey };
}

/**
 * For a name that is nobody's: the same at every attempt, so that it looks like somebody's, and matched by no
 * password.
 *
 * @param secret known to the server alone, and kept as long as the verifiers are
 */
export function decoyScramVerifier(secret: Uint8Array, name: string, iterations: number): ScramVerifier {
  return {
    salt: hmac(secret, `salt\0${name}`).subarray(0, SCRAM_SALT_OCTETS),
    iterations,
    storedKey: hmac(secret, `stored key\0${name}`),
    serverKey: hmac(secret, `server key\0${name}`),
  };
}

export function hmac(key: Uint8Array, message: string | Uint8Array): Buffer {
  return createHmac("sha256", key).update(message).digest();
}

export function sha256(octets: Uint8Array): Buffer {
  return createHash("sha256").update(octets).digest();
}
