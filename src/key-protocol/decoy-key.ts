import { createHmac, createPrivateKey, createPublicKey } from "node:crypto";
import { type Address, addressText } from "../message/index.ts";
import { keyId } from "../signature/index.ts";

/** The key that an address without account seems to have (KEY-34). */
export interface DecoyKey {
  readonly kid: string;
  /** DER SubjectPublicKeyInfo of an Ed25519 key. */
  readonly spki: Uint8Array;
  /** When it seems to have been made, Unix seconds. */
  readonly notBefore: number;
}

const PKCS8_ED25519_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Derives the decoy: the same for the same address until it rotates, different for every address, and not to
 * be told from a real key without the secret. When it rotates differs from address to address as well.
 *
 * @param secret at least 16 octets, kept for as long as answers should stay the same
 * @param now Unix seconds
 */
export function decoyKey(
  secret: Uint8Array,
  address: Address,
  now: number,
  rotationSeconds = 365 * 86_400,
): DecoyKey {
  const text = addressText(address);
  const phase =
    createHmac("sha256", secret).update(`phase\0${text}`).digest().readUInt32BE(0) % rotationSeconds;
  const epoch = Math.floor((now + phase) / rotationSeconds);
  const seed = createHmac("sha256", secret).update(`${text}\0${epoch}`).digest();
  const der = Buffer.concat([PKCS8_ED25519_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return { kid: keyId(spki), spki, notBefore: epoch * rotationSeconds - phase };
}
