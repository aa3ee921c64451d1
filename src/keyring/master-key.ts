import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";

const FORMAT = "vsmtp-master-key-1";
const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
/** First octet of everything sealed, so that another cipher can follow one day. */
const SEALED_VERSION = 1;

/** A master key that cannot be used; the message says what to do. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
}

/**
 * Encrypts secrets at rest with AES-256-GCM. Each secret is bound to a context (whose key it is), so that a
 * sealed key moved to another account's row does not open.
 */
export class MasterKey {
  readonly #key: KeyObject;
  /** Tells two master keys apart without saying anything about either. */
  readonly check: string;

  /** @param octets 32 octets; they are copied and can be wiped afterwards */
  constructor(octets: Uint8Array) {
    if (octets.length !== KEY_OCTETS) throw new MasterKeyError(`a master key has ${KEY_OCTETS} octets`);
    this.#key = createSecretKey(octets);
    this.check = createHmac("sha256", this.#key)
      .update("VSMTP master key check")
      .digest("base64url")
      .slice(0, 22);
  }

  static generate(): MasterKey {
    return new MasterKey(randomBytes(KEY_OCTETS));
  }

  /** A secret of 32 octets for one purpose, the same as long as the master key is: such as a key server's decoys. */
  derive(purpose: string): Buffer {
    return createHmac("sha256", this.#key).update(`derived secret\0${purpose}`).digest();
  }

  seal(secret: Uint8Array, context: string): Uint8Array {
    const nonce = randomBytes(NONCE_OCTETS);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(context));
    return Buffer.concat([
      Buffer.of(SEALED_VERSION),
      nonce,
      cipher.update(secret),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** @throws MasterKeyError when the octets were not sealed by this key for this context */
  open(sealed: Uint8Array, context: string): Buffer {
    const secret = this.openIfOwn(sealed, context);
    if (secret !== null) return secret;
    throw new MasterKeyError(
      `the sealed key of ${context} does not open: it was changed or moved; restore the key store from a backup`,
    );
  }

  /** Null when the octets were not sealed by this key for this context. */
  openIfOwn(sealed: Uint8Array, context: string): Buffer | null {
    const textStart = 1 + NONCE_OCTETS;
    const tagStart = sealed.length - TAG_OCTETS;
    if (sealed[0] !== SEALED_VERSION || tagStart < textStart) return null;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, sealed.subarray(1, textStart))
      .setAAD(Buffer.from(context))
      .setAuthTag(sealed.subarray(tagStart));
    const secret = decipher.update(sealed.subarray(textStart, tagStart));
    try {
      decipher.final();
      return secret;
    } catch {
      return null;
    }
  }
}

/** A new master key as text, one line: what its file, credential or environment variable holds. */
export function newMasterKeyText(): string {
  return `${FORMAT}:${randomBytes(KEY_OCTETS).toString("base64url")}\n`;
}

/** Null when it is not the text of a master key. */
export function parseMasterKey(text: string): MasterKey | null {
  const [format, encoded, ...rest] = text.trim().split(":");
  const octets = Buffer.from(encoded ?? "", "base64url");
  if (format !== FORMAT || rest.length > 0 || octets.length !== KEY_OCTETS) return null;
  const key = new MasterKey(octets);
  octets.fill(0);
  return key;
}
