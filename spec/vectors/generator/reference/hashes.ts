import { createHash } from "node:crypto";

export function sha256(octets: string): Buffer {
  return createHash("sha256").update(octets, "latin1").digest();
}

function id16(octets: string): string {
  return sha256(octets).subarray(0, 16).toString("base64url");
}

/** SIG-38. @param spki DER */
export function keyId(spki: Uint8Array): string {
  return id16(`VSMTP1-KID\0${Buffer.from(spki).toString("latin1")}`);
}

/** RCP-1. @param address canonical, unencoded, as an octet string */
export function recipientHash(salt: Uint8Array, address: string): string {
  return id16(`VSMTP1-RCPT\0${Buffer.from(salt).toString("latin1")}${address}`);
}

/** IDY-13, IDY-15. @param address canonical, unencoded, as an octet string */
export function grantHash(kid: string, address: string): string {
  return id16(`VSMTP1-GRANT\0${kid}\0${address}`);
}
