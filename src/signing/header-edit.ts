import { randomBytes } from "node:crypto";
import { STAPLE_FIELD } from "../key-protocol/index.ts";
import {
  type Address,
  claimsAuthservId,
  fieldText,
  formatAddress,
  formatMailDate,
  type Header,
  type HeaderField,
  parseHeader,
} from "../message/index.ts";
import { SIGNATURE_FIELD } from "../signature/index.ts";

export interface HeaderEditOptions {
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
export function editResent(header: Header, authservIds: readonly string[]): Header {
  return without(header, "", ({ name }, value) => goes(name, value, authservIds, BLIND));
}

/**
 * What a submission server changes before it signs: adds Date, Message-ID and Sender where they are wanted and
 * missing (SUB-3, SUB-4), removes Bcc (SIG-48), old signatures (SIG-52) and key statements (STP-6), and forged results.
 * Added fields stand first; all other octets stay as they were.
 *
 * @param header without fault
 * @returns the same one where nothing is to be changed
 */
export function editHeader(header: Header, options: HeaderEditOptions): Header {
  const has = (name: string): boolean => header.fields.some((field) => field.name === name);
  let added = "";
  if (!has("date")) added += `Date: ${formatMailDate(options.now)}\r\n`;
  if (!has("message-id")) {
    added += `Message-ID: <${randomBytes(18).toString("base64url")}@${options.identity.domain}>\r\n`;
  }
  if (options.addSender) added += `Sender: ${formatAddress(options.identity)}\r\n`;
  return without(header, added, ({ name }, value) => goes(name, value, options.authservIds, REMOVED));
}

/** @returns the same one where nothing is to be changed */
function without(
  header: Header,
  added: string,
  isRemoved: (field: HeaderField, value: () => string) => boolean,
): Header {
  const pieces: Uint8Array[] = [Buffer.from(added)];
  let keptFrom = 0;
  for (const field of header.fields) {
    if (!isRemoved(field, () => fieldText(header, field))) continue;
    pieces.push(header.octets.subarray(keptFrom, field.start));
    keptFrom = field.end;
  }
  if (added === "" && keptFrom === 0) return header;
  pieces.push(header.octets.subarray(keptFrom));
  return parseHeader(Buffer.concat(pieces));
}

const BLIND: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);
const REMOVED: ReadonlySet<string> = new Set([...BLIND, SIGNATURE_FIELD, STAPLE_FIELD]);

function goes(
  name: string,
  value: () => string,
  authservIds: readonly string[],
  removed: ReadonlySet<string>,
): boolean {
  if (removed.has(name)) return true;
  if (name !== "authentication-results") return false;
  const text = value();
  return authservIds.some((id) => claimsAuthservId(text, id));
}
