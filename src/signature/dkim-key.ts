import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { canonicalDomain } from "../message/index.ts";
import { type Algorithm, algorithmOf } from "./algorithm.ts";

/** A domain's private key for DKIM; it is no key of an account. */
export interface DkimKey {
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
}

export type DkimKeyResult =
  | { readonly ok: true; readonly key: DkimKey }
  | {
      readonly ok: false;
      /** For people; nothing of the key is in it. */
      readonly detail: string;
    };

/** Where the public key of a DKIM signature is found. */
export interface DkimName {
  readonly domain: string;
  readonly selector: string;
}

/**
 * Reads a private key: Ed25519 (RFC 8463), or RSA of 2048 to 4096 bits, which all verifiers take (RFC 8301 §3.2).
 *
 * @param pem PKCS#8 ("BEGIN PRIVATE KEY") or PKCS#1 ("BEGIN RSA PRIVATE KEY"), not encrypted
 */
export function loadDkimKey(pem: string | Uint8Array): DkimKeyResult {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(text);
  } catch {
    const isEncrypted = text.includes("ENCRYPTED"); // in the first line, or in Proc-Type below it
    return no(isEncrypted ? "the private key is encrypted" : "no private key in PEM form");
  }
  const algorithm = algorithmOf(privateKey);
  if (algorithm === null) {
    return no(`a key of type ${privateKey.asymmetricKeyType} cannot sign for DKIM: RSA or Ed25519 can`);
  }
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (algorithm === "rsa-sha256" && (bits < 2048 || bits > 4096)) {
    return no(`an RSA key of ${bits} bits: 2048 to 4096 are needed`);
  }
  return { ok: true, key: { algorithm, privateKey } };
}

function no(detail: string): DkimKeyResult {
  return { ok: false, detail };
}

/**
 * The record that publishes the key (RFC 6376 §3.6.1), as a line of a zone file; one string has 255 octets at most.
 *
 * @throws RangeError as {@link checkDkimName}
 */
export function dkimRecord(name: DkimName, key: DkimKey): string {
  checkDkimName(name);
  const spki = createPublicKey(key.privateKey).export({ format: "der", type: "spki" });
  // RFC 8463 §4: of Ed25519 the bare key, its last 32 octets.
  const [type, octets] = key.algorithm === "rsa-sha256" ? ["rsa", spki] : ["ed25519", spki.subarray(-32)];
  const text = `v=DKIM1; k=${type}; p=${octets.toString("base64")}`;
  const strings = (text.match(/.{1,255}/g) ?? []).map((string) => `"${string}"`);
  return `${recordName(name)}. IN TXT ${strings.join(" ")}`;
}

/** One or more labels (RFC 6376 §3.1). */
const SELECTOR = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const MAX_NAME_OCTETS = 253;

/** @throws RangeError unless the domain is one in canonical form and both make a name together */
export function checkDkimName({ domain, selector }: DkimName): void {
  if (canonicalDomain(domain) !== domain) {
    throw new RangeError(`"${domain}" is no domain in canonical form: lower case, A-labels`);
  }
  if (!SELECTOR.test(selector)) {
    throw new RangeError(`"${selector}" is no selector: labels of letters, digits and inner hyphens`);
  }
  if (recordName({ domain, selector }).length > MAX_NAME_OCTETS) {
    throw new RangeError(`selector and domain make a name of more than ${MAX_NAME_OCTETS} characters`);
  }
}

function recordName({ domain, selector }: DkimName): string {
  return `${selector}._domainkey.${domain}`;
}
