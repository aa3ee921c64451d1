import {
  type AuthenticationResult,
  fieldText,
  type Header,
  readAuthenticationResults,
} from "../message/index.ts";

/**
 * What a border of ours recorded when the message came (REC-1): its fields stand above its Received field, and what a
 * sender put there himself stands below it. Not told by name: the host that received a message may be another one than this,
 * which shares the queue. Null where no border of ours saw it.
 */
export function recordedVerdict(header: Header): AuthenticationResult | null {
  for (const field of header.fields) {
    if (field.name === "received") return null;
    if (field.name !== "authentication-results") continue;
    const read = readAuthenticationResults(fieldText(header, field));
    return read?.results.find(({ method }) => method === "vsmtp") ?? NOTHING_PROVED;
  }
  return null;
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
