import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { algorithmOf, importPublicKey, keyId, type SigningKey } from "../signature/index.ts";
import { readNamedFile } from "./arguments.ts";
import { UsageError } from "./usage-error.ts";

/** Reads a private key in PEM (PKCS#8): Ed25519, or RSA of 2048 to 4096 bits. */
export function readSigningKey(fileName: string): SigningKey {
  const pem = readNamedFile(fileName);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new UsageError(`${fileName}: no private key in PEM form, unencrypted: "vsmtp keygen" makes one`);
  }
  const algorithm = algorithmOf(privateKey);
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  if (algorithm === null || importPublicKey(spki, algorithm) === null) {
    const type = privateKey.asymmetricKeyType ?? "unknown";
    throw new UsageError(
      `${fileName}: a key of type ${type} cannot sign: Ed25519, or RSA of 2048 to 4096 bits with exponent 65537`,
    );
  }
  return { kid: keyId(spki), algorithm, privateKey };
}
