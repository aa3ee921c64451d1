import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";

// The second mode of secrets at rest (decision 0070): an account's private keys are sealed to a public key whose
// private half only the account's own passwords open. Sealing needs no password, so keys can be made and replaced
// at any time. The construction is that of age's X25519 recipients: an ephemeral key pair for each secret.

/** First octet of everything sealed to a lock, so that another construction can follow one day. */
const SEALED_VERSION = 1;
const KEY_OCTETS = 32;
const TAG_OCTETS = 16;
const INFO = "VSMTP key lock";
/** A key seals one secret only, so its nonce need not vary. */
const NONCE = Buffer.alloc(12);
/** DER before the raw 32 octets (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b656e032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");

export interface KeyLock {
  /** Raw X25519, 32 octets. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export function generateKeyLock(): KeyLock {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  return { publicKey: rawPublicKey(publicKey), privateKey };
}

/** @param context what is sealed and whose it is; it opens under the same only */
export function sealToLock(publicKey: Uint8Array, secret: Uint8Array, context: string): Uint8Array {
  const ephemeral = generateKeyLock();
  const header = Buffer.concat([Buffer.of(SEALED_VERSION), ephemeral.publicKey]);
  const key = sharedKey(ephemeral.privateKey, publicKey, ephemeral.publicKey, publicKey);
  const cipher = createCipheriv("aes-256-gcm", key, NONCE).setAAD(Buffer.from(context));
  return Buffer.concat([header, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

/** Null when it does not open: it was changed or moved, or sealed to another lock. */
export function openWithLock(privateKey: KeyObject, sealed: Uint8Array, context: string): Buffer | null {
  const textStart = 1 + KEY_OCTETS;
  const tagStart = sealed.length - TAG_OCTETS;
  if (sealed[0] !== SEALED_VERSION || tagStart < textStart) return null;
  const ephemeral = sealed.subarray(1, textStart);
  try {
    const key = sharedKey(privateKey, ephemeral, ephemeral, rawPublicKey(createPublicKey(privateKey)));
    const decipher = createDecipheriv("aes-256-gcm", key, NONCE)
      .setAAD(Buffer.from(context))
      .setAuthTag(sealed.subarray(tagStart));
    const secret = decipher.update(sealed.subarray(textStart, tagStart));
    decipher.final();
    return secret;
  } catch {
    return null; // the tag is wrong, or a point of small order
  }
}

/** The 32 octets of the private half, to be wrapped under a password; wipe them afterwards. */
export function rawPrivateKey(privateKey: KeyObject): Buffer {
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const raw = Buffer.from(pkcs8.subarray(-KEY_OCTETS));
  pkcs8.fill(0);
  return raw;
}

/** The inverse of {@link rawPrivateKey}. */
export function privateKeyOf(raw: Uint8Array): KeyObject {
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, raw]);
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } finally {
    pkcs8.fill(0);
  }
}

/** RFC 7748 §6.1; Node refuses the points that would give a key that everybody knows. */
function sharedKey(
  ours: KeyObject,
  theirs: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
): Uint8Array {
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, theirs]),
    format: "der",
    type: "spki",
  });
  const secret = diffieHellman({ privateKey: ours, publicKey });
  const salt = Buffer.concat([ephemeral, recipient]);
  return new Uint8Array(hkdfSync("sha256", secret, salt, INFO, KEY_OCTETS));
}

function rawPublicKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_OCTETS);
}
