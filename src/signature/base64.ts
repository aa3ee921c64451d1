/**
 * Strict RFC 4648 base64 (SIG-22): padded, unused bits zero, nothing else in it.
 *
 * @returns null for anything else
 */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : null;
}

/** `id16` of SIG-1: 16 octets in 22 base64url characters, unpadded, the four unused bits zero. */
export function isId16(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/** The first 16 octets of a hash as `id16`. */
export function id16(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, 16).toString("base64url");
}
