import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { privateKeyOf, rawPrivateKey } from "../key-lock.ts";
import { deriveFromPassword } from "./password-hash.ts";

/** First octet: the key derivations below with their parameters, and AES-256-GCM. */
const VERSION = 1;
const SALT_OCTETS = 16;
const KEY_OCTETS = 32;
const TAG_OCTETS = 16;
const WRAPPED_OCTETS = 1 + SALT_OCTETS + KEY_OCTETS + TAG_OCTETS;
/** A new salt makes a new key each time, so its nonce need not vary. */
const NONCE = Buffer.alloc(12);

/**
 * What opens the private half of an account's key lock: a password, prepared already; or the ClientKey of SCRAM, which
 * the server learns at a login where it never sees the password.
 */
export type LockOpener = { readonly password: string } | { readonly clientKey: Uint8Array };

/** Whose password it is: a wrapped lock opens as that credential's only. */
export interface CredentialName {
  readonly accountId: string;
  readonly credentialId: string;
}

export async function wrapLock(
  keyLock: KeyObject,
  opener: LockOpener,
  name: CredentialName,
): Promise<Uint8Array> {
  const salt = randomBytes(SALT_OCTETS);
  const key = await wrappingKey(opener, salt);
  const raw = rawPrivateKey(keyLock);
  try {
    const cipher = createCipheriv("aes-256-gcm", key, NONCE).setAAD(context(name));
    return Buffer.concat([Buffer.of(VERSION), salt, cipher.update(raw), cipher.final(), cipher.getAuthTag()]);
  } finally {
    raw.fill(0);
  }
}

/** Null when it does not open with this, or as this credential's. */
export async function unwrapLock(
  wrapped: Uint8Array,
  opener: LockOpener,
  name: CredentialName,
): Promise<KeyObject | null> {
  if (wrapped[0] !== VERSION || wrapped.length !== WRAPPED_OCTETS) return null;
  const textStart = 1 + SALT_OCTETS;
  const tagStart = textStart + KEY_OCTETS;
  const key = await wrappingKey(opener, wrapped.subarray(1, textStart));
  const decipher = createDecipheriv("aes-256-gcm", key, NONCE)
    .setAAD(context(name))
    .setAuthTag(wrapped.subarray(tagStart));
  const raw = decipher.update(wrapped.subarray(textStart, tagStart));
  try {
    decipher.final();
    return privateKeyOf(raw);
  } catch {
    return null;
  } finally {
    raw.fill(0);
  }
}

/** The stored hash and this key come of one password under different salts: neither tells the other. */
async function wrappingKey(opener: LockOpener, salt: Uint8Array): Promise<Uint8Array> {
  if ("clientKey" in opener) return hkdf(opener.clientKey, salt, "VSMTP key lock by SCRAM");
  const derived = await deriveFromPassword(opener.password, salt);
  try {
    return hkdf(derived, salt, "VSMTP key lock by password");
  } finally {
    derived.fill(0);
  }
}

function hkdf(secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, KEY_OCTETS));
}

function context({ accountId, credentialId }: CredentialName): Buffer {
  return Buffer.from(`account ${accountId} credential ${credentialId}`);
}
