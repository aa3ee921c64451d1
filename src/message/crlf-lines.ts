const CR = 0x0d;
const LF = 0x0a;
const CR_OCTET = Buffer.from("\r");
const LF_OCTET = Buffer.from("\n");

/**
 * Puts CRLF behind every line (RFC 5322 §2.3), as it is on its way and was signed: files keep messages with LF alone, and
 * programs write them so. A CR alone ends a line too. Chunks of any size go through; what is right already is not copied.
 */
export async function* crlfLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let afterCr = false;
  for await (const chunk of chunks) {
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at];
      if (afterCr !== (octet === LF)) {
        pieces.push(chunk.subarray(from, at), afterCr ? LF_OCTET : CR_OCTET);
        from = at;
      }
      afterCr = octet === CR;
    }
    if (from === 0 && pieces.length === 0) yield chunk;
    else yield Buffer.concat([...pieces, chunk.subarray(from)]);
  }
  if (afterCr) yield LF_OCTET;
}
