import {
  type AuthenticationResult,
  borderResults,
  type Header,
  propertyOf,
  resultOf,
} from "../message/index.ts";
import { destinationName } from "../queue/index.ts";

/** What a border of ours found when the message came; null where none saw it. */
export function recordedVerdict(header: Header): AuthenticationResult | null {
  const recorded = borderResults(header);
  return recorded && (resultOf(recorded, "vsmtp") ?? NOTHING_PROVED);
}

/**
 * Whether the reverse path is somebody else's: SPF says that its domain does not send from there, and it is not who signed
 * either. He hears nothing of what he has not written (ACT-2).
 */
export function isSenderForged(sender: string, header: Header): boolean {
  const recorded = borderResults(header);
  const spf = recorded && resultOf(recorded, "spf")?.result;
  if (spf !== "fail" && spf !== "softfail") return false;
  const verdict = recordedVerdict(header) ?? NOTHING_PROVED;
  const signer = wasProved(verdict) ? (propertyOf(verdict, "header.i") ?? "") : "";
  return domainOf(signer) !== domainOf(sender);
}

function domainOf(address: string): string {
  return destinationName(address.slice(address.lastIndexOf("@") + 1));
}

/** Whether somebody's key server answered for it: `pass`, or `neutral`, which says nothing of From. */
export function wasProved({ result }: AuthenticationResult): boolean {
  return result === "pass" || result === "neutral";
}

const NOTHING_PROVED: AuthenticationResult = {
  method: "vsmtp",
  result: "none",
  reason: null,
  properties: [],
};
