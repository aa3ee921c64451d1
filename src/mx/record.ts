import type { Border, Judged } from "../border/index.ts";
import { applyEdits } from "../message/index.ts";
import { formatReceivedField } from "../smtp/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";

/** The message's header as it is queued. */
export interface Recorded {
  /** Our own fields, above everything that came. */
  readonly prefix: Uint8Array;
  /** What came, without what only this border may write. */
  readonly header: Uint8Array;
}

export interface RecordOptions {
  readonly border: Border;
  readonly hostname: string;
  readonly date: Date;
}

/** Writes down what was found out and what is done about it (REC-1, REC-2). */
export function record(
  { id, session, envelope, message }: Incoming,
  judged: Judged,
  decision: Decision,
  { border, hostname, date }: RecordOptions,
): Recorded {
  const { header } = message.scanned;
  const received = formatReceivedField(session, { ...envelope, id }, { hostname, date });
  return {
    prefix: Buffer.concat([border.fields(judged, decision), Buffer.from(received)]),
    header: applyEdits(header, border.edits(header, decision)),
  };
}
