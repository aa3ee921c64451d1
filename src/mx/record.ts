import { formatAuthenticationResults } from "../message/index.ts";
import { formatReceivedField } from "../smtp/index.ts";
import { authenticationResult, type Decision, type Verified } from "../verification/index.ts";
import { cleanHeader, flagField } from "./clean-header.ts";
import type { Incoming } from "./incoming.ts";

/** The message's header as it is queued. */
export interface Recorded {
  /** Our own fields, above everything that came. */
  readonly prefix: Uint8Array;
  /** What came, without what only this border may write. */
  readonly header: Uint8Array;
}

/** Writes down what was found out and what is done about it (REC-1, REC-2). */
export function record(
  { id, session, envelope, message }: Incoming,
  { verdict, neighbours }: Verified,
  { action }: Decision,
  { hostname, date }: { readonly hostname: string; readonly date: Date },
): Recorded {
  const results = formatAuthenticationResults(hostname, [
    authenticationResult(verdict),
    ...(neighbours?.recorded ?? []),
  ]);
  const received = formatReceivedField(session, { ...envelope, id }, { hostname, date });
  const flagged = action === "tag" || action === "quarantine";
  const flag = flagged ? flagField(action, verdict.reason ?? verdict.result) : "";
  return {
    // RFC 8601 §7.1: above the Received field it belongs to.
    prefix: Buffer.concat([results, Buffer.from(flag), Buffer.from(received)]),
    header: cleanHeader(message.scanned.header, hostname),
  };
}
