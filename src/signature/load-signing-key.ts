import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { algorithmOf, importPublicKey } from "./algorithm.ts";
import { keyId } from "./hashes.ts";
import type { SigningKey } from "./signer.ts";

export type SigningKeyResult =
  | { readonly ok: true; readonly key: SigningKey }
  | {
      readonly ok: false;
      /** For people; nothing of the key is in it. */
      readonly detail: string;
    };

/**
 * Reads an account's private key: Ed25519, or RSA of 2048 to 4096 bits with exponent 65537 (SIG-33, SIG-34).
 *
 * @param pem PKCS#8 ("BEGIN PRIVATE KEY"), not encrypted
 */
export function loadSigningKey(pem: string | Uint8Array): SigningKeyResult {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(typeof pem === "string" ? pem : Buffer.from(pem));
  } catch {
    return { ok: false, detail: "no private key in PEM form, unencrypted" };
  }
  const algorithm = algorithmOf(privateKey);
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  if (algorithm === null || importPublicKey(spki, algorithm) === null) {
    const type = privateKey.asymmetricKeyType ?? "unknown";
    const detail = `a key of type ${type} cannot sign: Ed25519, or RSA of 2048 to 4096 bits with exponent 65537`;
    return { ok: false, detail };
  }
  return { ok: true, key: { kid: keyId(spki), algorithm, privateKey } };
}
