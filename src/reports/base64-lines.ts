/** Octets as the lines of a MIME part (RFC 2045 §6.8). */
export function base64Lines(octets: Uint8Array): string[] {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("base64");
  return text.match(/.{1,76}/g) ?? [];
}
