import type { TagSettings } from "../config/index.ts";
import { formatAuthenticationResults } from "../message/index.ts";
import { formatReceivedField } from "../smtp/index.ts";
import { authenticationResult, type Decision, type Verified } from "../verification/index.ts";
import { editHeader } from "./edit-header.ts";
import type { Incoming } from "./incoming.ts";
import { tagFieldNames, tagFields } from "./tag-fields.ts";

/** The message's header as it is queued. */
export interface Recorded {
  /** Our own fields, above everything that came. */
  readonly prefix: Uint8Array;
  /** What came, without what only this border may write. */
  readonly header: Uint8Array;
}

export interface RecordOptions {
  /** The id in Authentication-Results. */
  readonly hostname: string;
  readonly otherHosts: readonly string[];
  readonly tag: TagSettings;
  readonly date: Date;
}

/** Writes down what was found out and what is done about it (REC-1, REC-2). */
export function record(
  { id, session, envelope, message }: Incoming,
  { verdict, neighbours }: Verified,
  decision: Decision,
  { hostname, otherHosts, tag, date }: RecordOptions,
): Recorded {
  const results = formatAuthenticationResults(hostname, [
    authenticationResult(verdict, decision),
    ...(neighbours?.recorded ?? []),
  ]);
  const received = formatReceivedField(session, { ...envelope, id }, { hostname, date });
  return {
    // RFC 8601 §7.1: above the Received field it belongs to.
    prefix: Buffer.concat([results, Buffer.from(tagFields(decision, verdict, tag)), Buffer.from(received)]),
    header: editHeader(message.scanned.header, {
      authservIds: [hostname, ...otherHosts],
      ours: tagFieldNames(tag),
      subjectPrefix: decision.action === "tag" ? tag.subject : null,
    }),
  };
}
