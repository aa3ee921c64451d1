import { loadSigningKey, type SigningKey } from "../signature/index.ts";
import { readNamedFile } from "./arguments.ts";
import { UsageError } from "./usage-error.ts";

/** Reads a private key in PEM (PKCS#8): Ed25519, or RSA of 2048 to 4096 bits. */
export function readSigningKey(fileName: string): SigningKey {
  const loaded = loadSigningKey(readNamedFile(fileName));
  if (!loaded.ok) throw new UsageError(`${fileName}: ${loaded.detail} ("vsmtp keygen" makes one that can)`);
  return loaded.key;
}
