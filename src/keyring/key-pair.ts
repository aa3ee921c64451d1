import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { keyId } from "../signature/index.ts";
import { openWithLock, sealToLock } from "./key-lock.ts";
import type { MasterKey } from "./master-key.ts";
import type { AccountRecord, NewKey, SealedKeyPair } from "./records.ts";

/** On a thread of its own: accounts that are made or re-keyed by thousands share the work among processors. */
const generateKeyPairAsync = promisify(generateKeyPair);

/** A PKCS#8 structure begins with it; what is sealed to a key lock begins with that construction's version, 1. */
const DER_SEQUENCE = 0x30;

/**
 * Makes an account's Ed25519 key pair; the private half leaves this function sealed only, under the account's key
 * lock where it has one, then under the master key. Keys come from here alone and are never taken from outside, so
 * that none is of small order or ill-formed (LIF-5).
 */
export async function generateAccountKey(
  account: Pick<AccountRecord, "id" | "keyLock">,
  notBefore: number,
  masterKey: MasterKey,
): Promise<NewKey> {
  const { id, keyLock } = account;
  const { spki, pkcs8 } = await generate();
  const kid = keyId(spki);
  const context = accountKeyContext(id, kid);
  const sealed = masterKey.seal(keyLock ? sealToLock(keyLock, pkcs8, context) : pkcs8, context);
  pkcs8.fill(0);
  return { kid, algorithm: "ed25519-sha256", spki, sealed, notBefore, keyLock };
}

/**
 * @param keyLock the opened private half of the account's key lock; null where there is none or nobody opened it
 * @returns null when the key is under a key lock and this does not open it
 * @throws MasterKeyError when it is not under this master key
 */
export function openAccountKey(
  key: { readonly kid: string; readonly sealed: Uint8Array },
  accountId: string,
  masterKey: MasterKey,
  keyLock: KeyObject | null,
): KeyObject | null {
  const context = accountKeyContext(accountId, key.kid);
  const opened = masterKey.open(key.sealed, context);
  if (opened[0] === DER_SEQUENCE) return importAndWipe(opened);
  if (keyLock === null) return null;
  const pkcs8 = openWithLock(keyLock, opened, context);
  return pkcs8 && importAndWipe(pkcs8); // null: the account has another lock since this user logged in
}

/** Makes a domain's statement key `dk` (POL-8). */
export async function generateStatementKey(domain: string, masterKey: MasterKey): Promise<SealedKeyPair> {
  const { spki, pkcs8 } = await generate();
  const sealed = masterKey.seal(pkcs8, statementKeyContext(domain));
  pkcs8.fill(0);
  return { spki, sealed };
}

export function openStatementKey(pair: SealedKeyPair, domain: string, masterKey: MasterKey): KeyObject {
  return importAndWipe(masterKey.open(pair.sealed, statementKeyContext(domain)));
}

/** What stands before the 32 octets of a public Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

async function generate(): Promise<{ spki: Buffer; pkcs8: Buffer }> {
  const { publicKey, privateKey } = await generateKeyPairAsync("ed25519");
  // Its octets are had as JWK in a twentieth of the time in which OpenSSL writes the structure.
  const { x = "" } = publicKey.export({ format: "jwk" });
  const spki = Buffer.concat([SPKI_PREFIX, Buffer.from(x, "base64url")]);
  return { spki, pkcs8: privateKey.export({ type: "pkcs8", format: "der" }) };
}

function importAndWipe(pkcs8: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } finally {
    pkcs8.fill(0);
  }
}

export function accountKeyContext(accountId: string, kid: string): string {
  return `account ${accountId} key ${kid}`;
}

export function statementKeyContext(domain: string): string {
  return `statement key of ${domain}`;
}
