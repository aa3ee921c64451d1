import { createPublicKey, type KeyObject } from "node:crypto";

/** Signature algorithms (SIG-10, SIG-33, SIG-34): Ed25519 is required, RSA PKCS#1 v1.5 with SHA-256 is supported. */
export type Algorithm = "ed25519-sha256" | "rsa-sha256";

export function isAlgorithm(text: string): text is Algorithm {
  return text === "ed25519-sha256" || text === "rsa-sha256";
}

const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Reads a public key that fits the algorithm.
 *
 * @param spki DER SubjectPublicKeyInfo, exactly: trailing octets and other encodings of the same key are refused,
 *   since the key id is a hash of these octets
 * @returns null when it is no such key (RSA outside 2048–4096 bits, exponent other than 65537, another curve…)
 */
export function importPublicKey(spki: Uint8Array, algorithm: Algorithm): KeyObject | null {
  if (algorithm === "ed25519-sha256" && !isEd25519Spki(spki)) return null;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return null;
  }
  if (algorithm === "ed25519-sha256") return key;
  const details = key.asymmetricKeyDetails;
  const bits = details?.modulusLength ?? 0;
  const fits =
    key.asymmetricKeyType === "rsa" && bits >= 2048 && bits <= 4096 && details?.publicExponent === 65537n;
  return fits && key.export({ format: "der", type: "spki" }).equals(spki) ? key : null;
}

function isEd25519Spki(spki: Uint8Array): boolean {
  return spki.length === 44 && ED25519_SPKI_PREFIX.equals(spki.subarray(0, ED25519_SPKI_PREFIX.length));
}

/** The algorithm a key object signs with; null for kinds of keys that VSMTP does not use. */
export function algorithmOf(key: KeyObject): Algorithm | null {
  if (key.asymmetricKeyType === "ed25519") return "ed25519-sha256";
  if (key.asymmetricKeyType === "rsa") return "rsa-sha256";
  return null;
}
