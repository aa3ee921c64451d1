import {
  type AuthenticationResult,
  fieldText,
  type Header,
  readAuthenticationResults,
} from "../message/index.ts";
import { destinationName } from "../queue/index.ts";

/**
 * What a border of ours recorded when the message came (REC-1): its fields stand above its Received field, and what a
 * sender put there himself stands below it. Not told by name: the host that received a message may be another one than this,
 * which shares the queue. Null where none saw it.
 */
function recordedResults(header: Header): readonly AuthenticationResult[] | null {
  for (const field of header.fields) {
    if (field.name === "received") return null;
    if (field.name !== "authentication-results") continue;
    return readAuthenticationResults(fieldText(header, field))?.results ?? [];
  }
  return null;
}

/** The verdict among them. Null where no border of ours saw it. */
export function recordedVerdict(header: Header): AuthenticationResult | null {
  const results = recordedResults(header);
  return results && (results.find(({ method }) => method === "vsmtp") ?? NOTHING_PROVED);
}

/**
 * Whether the reverse path is somebody else's: SPF says that its domain does not send from there, and it is not who signed
 * either. He hears nothing of what he has not written (ACT-2).
 */
export function isSenderForged(sender: string, header: Header): boolean {
  const results = recordedResults(header) ?? [];
  const spf = results.find(({ method }) => method === "spf")?.result;
  if (spf !== "fail" && spf !== "softfail") return false;
  const verdict = results.find(({ method }) => method === "vsmtp") ?? NOTHING_PROVED;
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

/** A property such as `policy.rcpt`; null where it is missing. */
export function propertyOf({ properties }: AuthenticationResult, wanted: string): string | null {
  return properties.find(([name]) => name === wanted)?.[1] ?? null;
}

const NOTHING_PROVED: AuthenticationResult = {
  method: "vsmtp",
  result: "none",
  reason: null,
  properties: [],
};
