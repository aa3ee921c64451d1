import { CachingResolver, describeStep, KeyLookup, parseAddress, systemResolver } from "vsmtp";

/** Keys where their domains publish them: found by DNS, authenticated, remembered. A program has one. */
export const internet = new KeyLookup({ resolver: new CachingResolver(systemResolver()) });

/** Asks for an address's key as a receiver would, and tells every step. */
export async function lookUpKey(text: string, kid: string | null, keys = internet): Promise<string[]> {
  const parsed = parseAddress(text);
  if (!parsed.ok) return [parsed.detail];
  const now = Math.floor(Date.now() / 1000);
  const question = { identity: parsed.address, kid, algorithm: null, signedAt: null, now };
  const { answer, trail } = await keys.explain(question);
  return [...trail.map((step) => describeStep(step)), answer.kind === "key" ? "found" : answer.detail];
}
