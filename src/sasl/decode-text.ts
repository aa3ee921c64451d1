const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Null when it is not UTF-8. Encoding the text again gives the same octets. */
export function decodeText(octets: Uint8Array): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    return null;
  }
}
