import { createHash, type Hash } from "node:crypto";
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
const EMPTY_LINES = Buffer.alloc(8192, "\r\n");

/**
 * SHA-256 of a body in canonical form (MSG-11, MSG-12, MSG-14, SIG-17), and the line rules, in one pass and in constant memory: any
 * chunking gives the same result.
 */
export class BodyHasher {
  // Only calls of one hasher run at a time, so all share the canonicalizer's memory and keep their state here.
  #lineLength = 0;
  #pendingCr = 0;
  #pendingWsp = 0;
  #fault: MessageFault | null = null;
  #hash: Hash | null = null;
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

  /** The end of the body: its hash, 32 octets. */
  finish(): Buffer {
    if (this.#pendingCr && this.#fault === null) this.#fail("bare-cr", this.#offset - 1);
    if (this.#hash === null) return createHash("sha256").digest();
    this.#update(EMPTY_LINES.subarray(0, 2));
    return this.#hash.digest();
  }

  #slice(slice: Uint8Array): void {
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
      this.#update(WORK.subarray(start, end));
    }
    this.#heldLineEnds += (stop - end) / 2;
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
