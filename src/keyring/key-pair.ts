import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { keyId } from "../signature/index.ts";
import type { MasterKey } from "./master-key.ts";
import type { NewKey, SealedKeyPair } from "./records.ts";

/**
 * Makes an account's Ed25519 key pair; the private half leaves this function sealed only. Keys come from here alone
 * and are never taken from outside, so that none is of small order or ill-formed (LIF-5).
 */
export function generateAccountKey(accountId: string, notBefore: number, masterKey: MasterKey): NewKey {
  const { spki, pkcs8 } = generate();
  const kid = keyId(spki);
  const sealed = masterKey.seal(pkcs8, accountKeyContext(accountId, kid));
  pkcs8.fill(0);
  return { kid, algorithm: "ed25519-sha256", spki, sealed, notBefore };
}

export function openAccountKey(
  key: { readonly kid: string; readonly sealed: Uint8Array },
  accountId: string,
  masterKey: MasterKey,
): KeyObject {
  return importAndWipe(masterKey.open(key.sealed, accountKeyContext(accountId, key.kid)));
}

/** Makes a domain's statement key `dk` (POL-8). */
export function generateStatementKey(domain: string, masterKey: MasterKey): SealedKeyPair {
  const { spki, pkcs8 } = generate();
  const sealed = masterKey.seal(pkcs8, statementKeyContext(domain));
  pkcs8.fill(0);
  return { spki, sealed };
}

export function openStatementKey(pair: SealedKeyPair, domain: string, masterKey: MasterKey): KeyObject {
  return importAndWipe(masterKey.open(pair.sealed, statementKeyContext(domain)));
}

function generate(): { spki: Buffer; pkcs8: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  return { spki: publicKey, pkcs8: privateKey };
}

function importAndWipe(pkcs8: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } finally {
    pkcs8.fill(0);
  }
}

function accountKeyContext(accountId: string, kid: string): string {
  return `account ${accountId} key ${kid}`;
}

function statementKeyContext(domain: string): string {
  return `statement key of ${domain}`;
}
