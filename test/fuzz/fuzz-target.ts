/** What `npm run fuzz` gives input to. */
export interface FuzzTarget {
  /** What `run` counts: "requests". */
  readonly measure: string;
  /** Inputs that npm test tries; without it 3000. */
  readonly few?: number;
  /** Makes one input from the random numbers, tries it, and throws when something is not as it must be. */
  run(random: Random): number | Promise<number>;
  /** Ends what was started. */
  close?(): Promise<void>;
}

/** Random numbers that a seed and a number decide (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number, number: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 to `below` - 1. */
  below(below: number): number {
    return this.next() % below;
  }

  oneIn(many: number): boolean {
    return this.below(many) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  octets(length: number): Buffer {
    const octets = Buffer.alloc(length);
    for (let at = 0; at < length; at++) octets[at] = this.next();
    return octets;
  }

  /** Changes, removes, doubles or adds a few octets. */
  mutate(octets: Buffer): Buffer {
    let result = Buffer.from(octets);
    for (let rounds = 1 + this.below(4); rounds > 0; rounds--) {
      const at = this.below(result.length + 1);
      const to = Math.min(result.length, at + 1 + this.below(8));
      const [before, piece, rest] = [result.subarray(0, at), result.subarray(at, to), result.subarray(to)];
      const change = this.pick(["change", "remove", "double", "insert", "cut"]);
      if (change === "change") result = Buffer.concat([before, this.octets(piece.length), rest]);
      else if (change === "remove") result = Buffer.concat([before, rest]);
      else if (change === "double") result = Buffer.concat([before, piece, piece, rest]);
      else if (change === "insert") {
        const inserted = this.pick(["\r\n", "\n", "\r", " ", "\0", "=", ".\r\n", "*\r\n", "9".repeat(20)]);
        result = Buffer.concat([before, Buffer.from(inserted), piece, rest]);
      } else result = Buffer.concat([before, piece]);
    }
    return result;
  }

  /** The same octets in pieces, as a network may deliver them. */
  pieces(octets: Buffer): Buffer[] {
    if (this.oneIn(3)) return [octets];
    const pieces: Buffer[] = [];
    for (let at = 0; at < octets.length; ) {
      const size = 1 + this.below(this.pick([1, 7, 100, 5000]));
      pieces.push(octets.subarray(at, at + size));
      at += size;
    }
    return pieces;
  }
}
