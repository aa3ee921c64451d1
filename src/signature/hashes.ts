import { hash } from "node:crypto";
import { type Address, addressText } from "../message/index.ts";
import { id16 } from "./id16.ts";

const KID_PREFIX = Buffer.from("VSMTP1-KID\0", "latin1");
const RECIPIENT_PREFIX = Buffer.from("VSMTP1-RCPT\0", "latin1");

/**
 * The key id of a public key (SIG-38): it names this key for ever.
 *
 * @param spki DER SubjectPublicKeyInfo
 * @returns 22 base64url characters
 */
export function keyId(spki: Uint8Array): string {
  return id16(hash("sha256", Buffer.concat([KID_PREFIX, spki]), "base64url"));
}

/**
 * The hash of a recipient under a copy's salt, as it stands in `r` (RCP-1).
 *
 * @param salt 16 octets, hashed raw (RCP-3)
 */
export function recipientHash(salt: Uint8Array, recipient: Address): string {
  const text = addressText(recipient);
  const hashed = Buffer.allocUnsafe(RECIPIENT_PREFIX.length + salt.length + 3 * text.length);
  hashed.set(RECIPIENT_PREFIX);
  hashed.set(salt, RECIPIENT_PREFIX.length);
  const end = RECIPIENT_PREFIX.length + salt.length;
  return id16(hash("sha256", hashed.subarray(0, end + hashed.write(text, end)), "base64url"));
}

/** The value of `og` that lets the key's account write in the name of a From address (IDY-13, IDY-15). */
export function grantHash(kid: string, from: Address): string {
  return id16(hash("sha256", Buffer.from(`VSMTP1-GRANT\0${kid}\0${addressText(from)}`), "base64url"));
}
