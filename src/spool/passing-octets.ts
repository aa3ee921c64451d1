import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So much may lie about. */
const MOST_GARBAGE_OCTETS = 8 << 20;

let passed = 0;
let collect: ((options: { readonly type: "minor" }) => void) | null = null;

/**
 * Counts what passes through files in buffers that nobody needs afterwards, and has them collected now and then. V8 would
 * let 50 MiB lie about: it looks for young garbage when its own heap fills, and such buffers are outside of it. Each time
 * takes about a millisecond.
 */
export function countPassing(octets: number): void {
  passed += octets;
  if (passed < MOST_GARBAGE_OCTETS) return;
  passed = 0;
  collect ??= collector();
  collect({ type: "minor" });
}

function collector(): (options: { readonly type: "minor" }) => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
