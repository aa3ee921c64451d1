import { createHmac, createPrivateKey, hash } from "node:crypto";
import { type Address, addressText } from "../message/index.ts";
import { keyId } from "../signature/index.ts";

/** The key that an address without account seems to have (KEY-34). */
export interface DecoyKey {
  readonly kid: string;
  /** DER SubjectPublicKeyInfo of an Ed25519 key. */
  readonly spki: Uint8Array;
  /** When it seems to have been made, Unix seconds. */
  readonly notBefore: number;
  /** When the next one takes its place, Unix seconds. */
  readonly rotatesAt: number;
}

const PKCS8_ED25519_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

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
  const ofAddress = createHmac("sha256", secret).update(addressText(address)).digest();
  const derive = (purpose: string): Buffer =>
    hash("sha256", Buffer.concat([ofAddress, Buffer.from(purpose)]), "buffer");
  const phase = derive("phase").readUInt32BE(0) % rotationSeconds;
  const epoch = Math.floor((now + phase) / rotationSeconds);
  const der = Buffer.concat([PKCS8_ED25519_PREFIX, derive(`seed ${epoch}`)]);
  // The shortest way to the public half: exporting it as DER takes far longer.
  const { x } = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" });
  const spki = Buffer.concat([SPKI_ED25519_PREFIX, Buffer.from(x as string, "base64url")]);
  const notBefore = epoch * rotationSeconds - phase;
  return { kid: keyId(spki), spki, notBefore, rotatesAt: notBefore + rotationSeconds };
}
