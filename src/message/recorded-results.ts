import type { AuthenticationResult } from "./authentication-results.ts";
import { fieldText, type Header, type HeaderField } from "./header.ts";
import { readAuthenticationResults } from "./read-authentication-results.ts";

/** An Authentication-Results field of ours. */
export interface RecordedResults {
  readonly field: HeaderField;
  /** Empty where the field cannot be read. */
  readonly results: readonly AuthenticationResult[];
}

/**
 * What a border of ours recorded in a message that is in the queue (REC-1): its fields stand above its Received field, and
 * what a sender put there himself stands below it. Not told by name: the host that received a message may be another one than
 * this, which shares the queue. Null where no border of ours saw it.
 */
export function borderResults(header: Header): RecordedResults | null {
  for (const field of header.fields) {
    if (field.name === "received") return null;
    if (field.name !== "authentication-results") continue;
    return { field, results: readAuthenticationResults(fieldText(header, field))?.results ?? [] };
  }
  return null;
}

/**
 * The same of a message in a mailbox, above which other servers may have written: the topmost field under this host's id,
 * which is its own, since the border removed all others (REC-2). Null where there is none that can be read.
 */
export function resultsBy(header: Header, authservId: string): RecordedResults | null {
  for (const field of header.fields) {
    if (field.name !== "authentication-results") continue;
    const found = readAuthenticationResults(fieldText(header, field));
    if (found?.authservId === authservId.toLowerCase()) return { field, results: found.results };
  }
  return null;
}

/** The first of a method, such as `vsmtp`; null where there is none. */
export function resultOf({ results }: RecordedResults, wanted: string): AuthenticationResult | null {
  return results.find(({ method }) => method === wanted) ?? null;
}

/** A property such as `policy.rcpt`; null where it is missing. */
export function propertyOf({ properties }: AuthenticationResult, wanted: string): string | null {
  return properties.find(([name]) => name === wanted)?.[1] ?? null;
}
