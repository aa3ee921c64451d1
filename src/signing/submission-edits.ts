import { randomBytes } from "node:crypto";
import { STAPLE_FIELD } from "../key-protocol/index.ts";
import {
  type Address,
  claimsResults,
  fieldText,
  formatAddress,
  formatMailDate,
  type Header,
  type HeaderEdit,
  type HeaderField,
} from "../message/index.ts";
import { SIGNATURE_FIELD } from "../signature/index.ts";
import { steadyEdits } from "./steady-edits.ts";

export interface SubmissionEditOptions {
  /** Authentication-Results fields that claim one of these ids are forged and go (REC-2). */
  readonly authservIds: readonly string[];
  /** Unix milliseconds, for a missing Date. */
  readonly now: number;
  /** The identity that signs: its domain goes into a missing Message-ID. */
  readonly identity: Address;
  readonly addSender: boolean;
}

/**
 * The same of a message that a user passes on: nothing that its signatures cover, which stay. Only what names blind
 * recipients and forged results go.
 */
export function resentEdits(header: Header, authservIds: readonly string[]): HeaderEdit[] {
  return removals(header, (field) => BLIND.has(field.name) || claimsResults(header, field, authservIds));
}

/**
 * What a submission server changes before it signs: adds Date, Message-ID and Sender where they are wanted and
 * missing (SUB-3, SUB-4), removes Bcc (SIG-48), old signatures (SIG-52) and key statements (STP-6), and forged results, and
 * writes what servers on the way are known to write anew as they do (MSG-20). Added fields stand first; all other octets
 * stay as they were.
 *
 * @param header without fault
 */
export function submissionEdits(header: Header, options: SubmissionEditOptions): HeaderEdit[] {
  const isBlank = (field: HeaderField): boolean => fieldText(header, field).trim() === "";
  const has = (name: string): boolean =>
    header.fields.some((field) => field.name === name && !isBlank(field));
  let added = "";
  if (!has("date")) added += `Date: ${formatMailDate(options.now)}\r\n`;
  if (!has("message-id")) {
    added += `Message-ID: <${randomBytes(18).toString("base64url")}@${options.identity.domain}>\r\n`;
  }
  if (options.addSender) added += `Sender: ${formatAddress(options.identity)}\r\n`;
  const edits = removals(
    header,
    (field) =>
      REMOVED.has(field.name) ||
      (COMPLETED.has(field.name) && isBlank(field)) ||
      claimsResults(header, field, options.authservIds),
  );
  const gone = new Set(edits.map((edit) => edit.kind === "remove" && edit.field));
  const kept = header.fields.filter((field) => !gone.has(field));
  edits.push(...steadyEdits(header, kept, options.identity.domain));
  if (added !== "") edits.push({ kind: "prepend", octets: Buffer.from(added) });
  return edits;
}

const BLIND: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);
const REMOVED: ReadonlySet<string> = new Set([...BLIND, SIGNATURE_FIELD, STAPLE_FIELD]);
/** Where these are empty, servers on the way would take them for missing too. */
const COMPLETED: ReadonlySet<string> = new Set(["date", "message-id"]);

function removals(header: Header, isRemoved: (field: HeaderField) => boolean): HeaderEdit[] {
  return header.fields.filter(isRemoved).map((field) => ({ kind: "remove", field }));
}
