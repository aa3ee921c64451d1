import { createHash, type Hash, hash } from "node:crypto";
import type { MessageFault } from "../message/index.ts";
import { bodyCanonicalizerWasm } from "./body-canonicalizer.wasm.ts";

/** The part of WebAssembly used here; the ES libraries of TypeScript leave it to the browser's. */
declare const WebAssembly: {
  Module: new (octets: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
};

const { memory, canonicalize } = new WebAssembly.Instance(
  new WebAssembly.Module(Buffer.from(bodyCanonicalizerWasm, "base64")),
).exports as { memory: { buffer: ArrayBuffer }; canonicalize: (length: number) => number };

// The layout is described in body-canonicalizer.wat.
const STATE = new Int32Array(memory.buffer, 0, 5);
const PENDING = 63;
const INPUT = new Uint8Array(memory.buffer, 64, 65_536);
const WORK = Buffer.from(memory.buffer);
const FAULTS = [null, "nul", "bare-cr", "bare-lf", "long-line"] as const;
const NOTHING = Buffer.alloc(0);
const EMPTY_LINES = Buffer.alloc(8192, "\r\n");

/** The hasher whose latest output still waits in the shared memory, not yet hashed. */
let owner: BodyHasher | null = null;

/**
 * SHA-256 of a body in canonical form (MSG-11, MSG-12, MSG-14, SIG-17), and the line rules, in one pass and in
 * constant memory: any chunking gives the same result.
 *
 * All hashers share the canonicalizer's memory, since only one call runs at a time. What it leaves there is hashed
 * when the memory is needed again; a body that fits takes one call of the hash then, which costs half of three.
 */
export class BodyHasher {
  #lineLength = 0;
  #pendingCr = 0;
  #pendingWsp = 0;
  #fault: MessageFault | null = null;
  #hash: Hash | null = null;
  /** Output waiting in the shared memory while we own it. */
  #waitingStart = 0;
  #waitingEnd = 0;
  /** Line ends not yet hashed: they count only when something follows (empty lines at the end are dropped). */
  #heldLineEnds = 0;
  #offset: number;
  readonly #tap: ((canonical: Uint8Array) => void) | null;

  /**
   * @param offset octets of the message before the body, for the fault's place
   * @param tap is given every octet that is hashed; the array is only valid during the call
   */
  constructor(offset = 0, tap: ((canonical: Uint8Array) => void) | null = null) {
    this.#offset = offset;
    this.#tap = tap;
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.#fault === null; at += INPUT.length) {
      this.#slice(chunk.length > INPUT.length ? chunk.subarray(at, at + INPUT.length) : chunk);
    }
  }

  /** The first rule of MSG-2 that the body breaks; then its hash means nothing. */
  get fault(): MessageFault | null {
    return this.#fault;
  }

  /** The end of the body: its hash in base64. */
  finish(): string {
    if (this.#pendingCr && this.#fault === null) this.#fail("bare-cr", this.#offset - 1);
    if (owner === this && this.#hash === null) {
      owner = null;
      WORK[this.#waitingEnd] = 13;
      WORK[this.#waitingEnd + 1] = 10;
      const whole = WORK.subarray(this.#waitingStart, this.#waitingEnd + 2);
      this.#tap?.(whole);
      return hash("sha256", whole, "base64");
    }
    this.#flush();
    if (this.#hash === null) return hash("sha256", NOTHING, "base64");
    this.#update(EMPTY_LINES.subarray(0, 2));
    return this.#hash.digest("base64");
  }

  #slice(slice: Uint8Array): void {
    if (owner !== null) owner.#flush();
    INPUT.set(slice);
    STATE[0] = this.#lineLength;
    STATE[1] = this.#pendingCr;
    STATE[2] = this.#pendingWsp;
    STATE[3] = 0;
    // An octet held back from the slice before comes first, at the address before the slice.
    const start = this.#pendingCr || this.#pendingWsp ? PENDING : PENDING + 1;
    const stop = canonicalize(slice.length);
    const fault = FAULTS[STATE[3] as number];
    if (fault) {
      this.#fail(fault, this.#offset + (STATE[4] as number));
      return;
    }
    this.#lineLength = STATE[0] as number;
    this.#pendingCr = STATE[1] as number;
    this.#pendingWsp = STATE[2] as number;
    this.#offset += slice.length;
    let end = stop;
    while (end > start && WORK[end - 1] === 10) end -= 2;
    if (end > start) {
      this.#flushLineEnds();
      this.#waitingStart = start;
      this.#waitingEnd = end;
      owner = this;
    }
    this.#heldLineEnds += (stop - end) / 2;
  }

  #flush(): void {
    if (owner !== this) return;
    owner = null;
    this.#update(WORK.subarray(this.#waitingStart, this.#waitingEnd));
  }

  #flushLineEnds(): void {
    while (this.#heldLineEnds > 0) {
      const some = Math.min(this.#heldLineEnds, EMPTY_LINES.length / 2);
      this.#update(EMPTY_LINES.subarray(0, some * 2));
      this.#heldLineEnds -= some;
    }
  }

  #update(octets: Uint8Array): void {
    this.#hash ??= createHash("sha256");
    this.#hash.update(octets);
    this.#tap?.(octets);
  }

  #fail(kind: MessageFault["kind"], offset: number): void {
    this.#fault = { kind, offset, line: null };
  }
}
