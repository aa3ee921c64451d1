// V9, canonical addresses: one address.
import type { Case } from "../vector.ts";

export type Row = readonly [name: string, requirements: readonly string[], about: string, address: string];

/** An eligible address: canonical, and percent-encoded as in `i`. */
export function good(
  [name, requirements, about, address]: Row,
  canonical: string,
  encoded = canonical,
): Case {
  return { name, kind: "address", requirements, about, input: { address }, expected: { canonical, encoded } };
}

export function bad([name, requirements, about, address]: Row, problem: "syntax" | "ineligible"): Case {
  return { name, kind: "address", requirements, about, input: { address }, expected: { problem } };
}
