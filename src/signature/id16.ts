/** `id16` of SIG-1: 16 octets in 22 base64url characters, unpadded, the four unused bits zero. */
export function isId16(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The first 16 octets of a hash, given in base64url, as `id16`: 21 digits, and of the next one its top two bits. */
export function id16(hashBase64url: string): string {
  return hashBase64url.slice(0, 21) + "AQgw".charAt(BASE64URL.indexOf(hashBase64url.charAt(21)) >> 4);
}
