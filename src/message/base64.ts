/** Strict RFC 4648 base64 (SIG-22): padded, unused bits zero, nothing else in it. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*(?:[AEIMQUYcgkosw048]=|[AQgw]==)?$/.test(text);
}

/** The octets of strict base64, or null for anything else. */
export function decodeBase64(text: string): Buffer | null {
  return isBase64(text) ? Buffer.from(text, "base64") : null;
}
