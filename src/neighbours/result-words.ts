import { type AuthenticationResult, canonicalDomain } from "../message/index.ts";
import type { NeighbourResult } from "./neighbour-results.ts";

const WORDS: readonly string[] = [
  "none",
  "pass",
  "fail",
  "softfail",
  "neutral",
  "policy",
  "temperror",
  "permerror",
] satisfies NeighbourResult[];

export function resultOf(word: string): NeighbourResult {
  return WORDS.includes(word) ? (word as NeighbourResult) : "permerror";
}

/**
 * The properties that may stand in a header: what others wrote is left out where it is not printable, or longer than any
 * domain, rather than changed into something else.
 */
export function recordable(
  properties: readonly (readonly [name: string, value: string | null | undefined])[],
): AuthenticationResult["properties"] {
  return properties.flatMap(([name, value]) =>
    value && /^[\x21-\x7e]{1,255}$/.test(value) ? [[name, value] as const] : [],
  );
}

/** A reason as text of a header. */
export function recordableReason(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, "?").slice(0, 100);
}

/**
 * A domain whose DNS proved something, canonical. One in U-labels is none: mailauth turns them into A-labels without the
 * mappings of UTS #46, so the key of a domain in other letters would prove it ("ｂank.example").
 */
export function provenDomain(written: unknown): string | null {
  return typeof written === "string" && /^[\x21-\x7e]+$/.test(written) ? canonicalDomain(written) : null;
}
