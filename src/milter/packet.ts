// Packets to mail servers, and the strings in those that come from them.

const nul = Buffer.alloc(1);

/** A packet in octets; strings in UTF-8. */
export function packet(letter: string, ...data: readonly (Uint8Array | string)[]): Buffer {
  const parts = data.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([number(length), Buffer.from(letter), ...parts], length + 4);
}

/** A number as packets hold it. */
export function number(value: number): Buffer {
  const octets = Buffer.allocUnsafe(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}

/** Octets that end in NUL. */
export function ended(octets: Uint8Array | string): Buffer {
  return Buffer.concat([typeof octets === "string" ? Buffer.from(octets) : octets, nul]);
}

/** Takes a packet's data apart. */
export class DataReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get left(): number {
    return this.#data.length - this.#at;
  }

  /** Null when they are not there; so below. */
  octets(count: number): Buffer | null {
    if (this.left < count) return null;
    const taken = this.#data.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  number(): number | null {
    return this.octets(4)?.readUInt32BE() ?? null;
  }

  /** Up to its NUL, which is not part of it. */
  ended(): Buffer | null {
    const end = this.#data.indexOf(0, this.#at);
    if (end === -1) return null;
    const taken = this.#data.subarray(this.#at, end);
    this.#at = end + 1;
    return taken;
  }

  /** All that is left, as strings; null when the last one has no end. */
  texts(): string[] | null {
    const texts: string[] = [];
    while (this.left > 0) {
      const text = this.ended();
      if (text === null) return null;
      texts.push(text.toString());
    }
    return texts;
  }
}
