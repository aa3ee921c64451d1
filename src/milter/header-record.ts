const CR = 13;
const LF = 10;
const crlf = Buffer.from("\r\n");
const firstRoom = 4096;

/** A field as the mail server counts it: the how-manieth of its name, from 1. */
export interface CountedField {
  readonly name: Buffer;
  readonly count: number;
}

/**
 * A message's header while it comes field by field: as octets, and as the mail server will want fields to be named. It
 * takes not much more room than its octets, whatever they are.
 */
export class HeaderRecord {
  readonly #separator: Buffer;
  #octets: Buffer = Buffer.allocUnsafe(firstRoom);
  #length = 0;
  readonly #starts: number[] = [];
  readonly #nameLengths: number[] = [];

  /** @param leadingSpace whether values come with the space behind the colon */
  constructor(leadingSpace: boolean) {
    this.#separator = Buffer.from(leadingSpace ? ":" : ": ");
  }

  /** Octets of the fields. */
  get length(): number {
    return this.#length;
  }

  add(name: Buffer, value: Buffer): void {
    this.#starts.push(this.#length);
    this.#nameLengths.push(name.length);
    this.#append(name);
    this.#append(this.#separator);
    this.#appendValue(value);
    this.#append(crlf);
  }

  /** All fields and the empty line. Nothing is added behind it. */
  end(): Buffer {
    this.#append(crlf);
    return this.#octets.subarray(0, this.#length);
  }

  /** The fields that begin there, by where they begin; those are missing where none does. */
  countFields(starts: ReadonlySet<number>): ReadonlyMap<number, CountedField> {
    const counts = new Map<string, number>();
    this.#starts.forEach((start, index) => {
      if (starts.has(start)) counts.set(this.#nameKey(index), 0);
    });
    const fields = new Map<number, CountedField>();
    this.#starts.forEach((start, index) => {
      const key = this.#nameKey(index);
      const before = counts.get(key);
      if (before === undefined) return;
      const count = before + 1;
      counts.set(key, count);
      if (starts.has(start)) fields.set(start, { name: this.#name(index), count });
    });
    return fields;
  }

  #name(index: number): Buffer {
    const start = this.#starts[index] as number;
    return this.#octets.subarray(start, start + (this.#nameLengths[index] as number));
  }

  #nameKey(index: number): string {
    return this.#name(index).toString("latin1").toLowerCase();
  }

  /**
   * Between the lines of a folded value stands LF alone; some send CRLF. Line ends at its very end are left out: an empty line
   * would end the header.
   */
  #appendValue(value: Buffer): void {
    let end = value.length;
    while (end > 0 && (value[end - 1] === LF || value[end - 1] === CR)) end--;
    let from = 0;
    for (let lf = value.indexOf(LF); lf !== -1 && lf < end; lf = value.indexOf(LF, from)) {
      this.#append(value.subarray(from, lf > from && value[lf - 1] === CR ? lf - 1 : lf));
      this.#append(crlf);
      from = lf + 1;
    }
    this.#append(value.subarray(from, end));
  }

  #append(octets: Buffer): void {
    const length = this.#length + octets.length;
    if (length > this.#octets.length) {
      const room = Buffer.allocUnsafe(2 * length);
      this.#octets.copy(room, 0, 0, this.#length);
      this.#octets = room;
    }
    octets.copy(this.#octets, this.#length);
    this.#length = length;
  }
}

/**
 * The other way round: CRLF becomes LF, the last one goes. Null for what is no value of one field: without CRLF at its end, with
 * NUL, CR or LF alone, or a further line that does not begin with a blank.
 */
export function withLf(value: Uint8Array): Buffer | null {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
  if (!text.endsWith("\r\n")) return null;
  const [first, ...others] = text.slice(0, -2).split("\r\n") as [string, ...string[]];
  const isValue =
    [first, ...others].every((line) => !/[\0\r\n]/.test(line)) && others.every((line) => /^[ \t]/.test(line));
  return isValue ? Buffer.from([first, ...others].join("\n"), "latin1") : null;
}
