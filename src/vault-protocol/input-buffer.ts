const LF = 10;
const CR = 13;

/** A line without its CRLF, one character an octet; or why there is none. */
export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "none" }
  | { readonly kind: "fault"; readonly detail: string };

/**
 * What has arrived and was not taken yet: lines, and octets of a number that a line said. It grows to twice what one
 * line or one H needs, however small the portions are in which they come.
 */
export class InputBuffer {
  readonly #maxLineOctets: number;
  #octets = Buffer.alloc(4096);
  #start = 0;
  #end = 0;
  /** No LF stands between `#start` and here. */
  #searched = 0;

  constructor(maxLineOctets: number) {
    this.#maxLineOctets = maxLineOctets;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  push(octets: Uint8Array): void {
    if (this.#start === this.#end) this.#rewind(0);
    if (this.#end + octets.length > this.#octets.length) {
      const held = this.#octets.subarray(this.#start, this.#end);
      const needed = held.length + octets.length;
      const room = needed <= this.#octets.length / 2 ? this.#octets : Buffer.alloc(2 * needed);
      held.copy(room);
      this.#octets = room;
      this.#rewind(held.length);
    }
    this.#octets.set(octets, this.#end);
    this.#end += octets.length;
  }

  /** Takes the next line if it is complete. Behind a fault nothing more is to be taken. */
  takeLine(): Line {
    const found = this.#octets.indexOf(LF, Math.max(this.#start, this.#searched));
    const end = found < 0 || found >= this.#end ? -1 : found;
    this.#searched = end < 0 ? this.#end : end;
    const length = (end < 0 ? this.#end : end + 1) - this.#start;
    if (length > this.#maxLineOctets || (end < 0 && length === this.#maxLineOctets)) {
      return { kind: "fault", detail: `a line has at most ${this.#maxLineOctets} octets` };
    }
    if (end < 0) return { kind: "none" };
    if (end === this.#start || this.#octets[end - 1] !== CR) {
      return { kind: "fault", detail: "lines end in CRLF" };
    }
    const text = this.#octets.toString("latin1", this.#start, end - 1);
    this.#start = end + 1;
    this.#searched = this.#start;
    return { kind: "line", text };
  }

  /** Takes that many octets, copied; null when they have not all come. */
  takeOctets(count: number): Buffer | null {
    if (this.length < count) return null;
    const taken = Buffer.from(this.#octets.subarray(this.#start, this.#start + count));
    this.#start += count;
    this.#searched = this.#start;
    return taken;
  }

  /** Forgets and overwrites everything: keys may have passed here. */
  clear(): void {
    this.#octets.fill(0);
    this.#rewind(0);
  }

  #rewind(length: number): void {
    this.#start = 0;
    this.#end = length;
    this.#searched = 0;
  }
}
