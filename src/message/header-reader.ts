import type { MessageFault } from "./header.ts";

/** Bounds what a message can make its reader hold; RFC 5322 sets no limit, mail servers use 100 KiB to 1 MiB. */
const MAX_HEADER_OCTETS = 1 << 20;
const EMPTY = Buffer.alloc(0);

/**
 * Takes the header off the front of a message that comes in chunks of any size. It ends at the first empty
 * line (CRLF CRLF, or a CRLF at the very beginning); what follows is body.
 */
export class HeaderReader {
  #held: Uint8Array = EMPTY;
  #length = 0;
  #header: Buffer | null = null;
  #hasEmptyLine = false;
  /** Set when the header is larger than any reader has to take. */
  fault: MessageFault | null = null;

  /** Whether the empty line behind the header has come: a message without body may lack it (MSG-13). */
  get hasEmptyLine(): boolean {
    return this.#hasEmptyLine;
  }

  /** Takes a chunk and returns the octets of it that belong to the body (none until the header has ended). */
  write(chunk: Uint8Array): Uint8Array {
    if (this.#header !== null || chunk.length === 0) return chunk;
    const before = this.#length;
    const seen = before === 0 ? chunk : this.#append(chunk);
    const headerEnd = findHeaderEnd(seen, before);
    if (headerEnd !== null) {
      this.#hasEmptyLine = true;
      this.#end(seen, headerEnd);
      return chunk.subarray(headerEnd + 2 - before);
    }
    if (before === 0) this.#append(chunk);
    if (this.#length > MAX_HEADER_OCTETS) this.#end(this.#held, this.#length);
    return EMPTY;
  }

  /** The header's octets, its last CRLF included; call it when the message has ended (MSG-13: no empty line, no body). */
  finish(): Buffer {
    if (this.#header === null) this.#end(this.#held, this.#length);
    return this.#header ?? EMPTY;
  }

  #end(octets: Uint8Array, length: number): void {
    if (length > MAX_HEADER_OCTETS) {
      this.fault = { kind: "header-too-large", offset: MAX_HEADER_OCTETS, line: null };
    }
    // A copy: the caller's chunk may be used again, and a large one must not be kept alive for its header.
    this.#header = Buffer.from(octets.subarray(0, Math.min(length, MAX_HEADER_OCTETS)));
    this.#held = EMPTY;
  }

  #append(chunk: Uint8Array): Uint8Array {
    const needed = this.#length + chunk.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(4096, needed * 2));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(chunk, this.#length);
    this.#length = needed;
    return this.#held.subarray(0, needed);
  }
}

/** Where the empty line begins, or null when it has not come yet; `searched` octets were looked at before. */
function findHeaderEnd(octets: Uint8Array, searched: number): number | null {
  if (octets[0] === 13 && octets[1] === 10) return 0;
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const found = buffer.indexOf("\r\n\r\n", Math.max(0, searched - 3), "latin1");
  return found < 0 ? null : found + 2;
}
