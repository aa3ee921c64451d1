import { STAPLE_FIELD } from "../key-protocol/index.ts";
import {
  type Address,
  addressText,
  fieldText,
  formatAddress,
  type Header,
  type HeaderField,
  parseHeader,
  parseMailboxes,
  subjectPrefix,
} from "../message/index.ts";
import { SIGNATURE_FIELD } from "../signature/index.ts";

export interface ListHeaderOptions {
  readonly address: Address;
  /** Its local part. */
  readonly name: string;
  /** From becomes the list's, or Sender does (CUS-6). */
  readonly rewriteFrom: boolean;
  readonly subjectPrefix: string | null;
}

/** They are gone, or the list's own stand in their place: signatures (CUS-6), and wishes that are not the members' affair. */
const REMOVED: ReadonlySet<string> = new Set([
  SIGNATURE_FIELD,
  STAPLE_FIELD,
  "sender",
  "precedence",
  "return-path",
  "bcc",
  "disposition-notification-to",
  "return-receipt-to",
]);

const MAX_NAME = 200;
const MAX_ENCODED_NAME = 800;

/** The names that the list's signature covers beyond the core set (SIG-45), so that nobody adds or exchanges them. */
export const LIST_COVERED = ["list-unsubscribe", "list-unsubscribe-post"] as const;

/** The header of a post: the author's, but for what a list changes. What our border recorded stays in it (CUS-7). */
export function listHeader(header: Header, options: ListHeaderOptions): Header {
  const { address, name, rewriteFrom, subjectPrefix: prefix } = options;
  const { octets } = header;
  const added: Uint8Array[] = [Buffer.from(listFields(address, name))];
  if (!rewriteFrom) added.push(Buffer.from(`Sender: ${formatAddress(address)}\r\n`));
  const from = header.fields.find((field) => field.name === "from");
  const has = (wanted: string): boolean => header.fields.some((field) => field.name === wanted);
  if (rewriteFrom && from !== undefined) {
    added.push(Buffer.from(`From: ${shownAuthor(header, from, name)} <${formatAddress(address)}>\r\n`));
    // Answers to the author find him.
    if (!has("reply-to")) added.push(Buffer.from("Reply-To:"), octets.subarray(from.valueStart, from.end));
  }
  if (prefix !== null && !has("subject")) added.push(Buffer.from(`Subject: ${prefix}\r\n`));
  const kept = header.fields.flatMap((field): Uint8Array[] => {
    if (REMOVED.has(field.name) || field.name.startsWith("list-")) return [];
    if (field.name === "from" && rewriteFrom) return [];
    const whole = octets.subarray(field.start, field.end);
    if (field.name !== "subject" || prefix === null) return [whole];
    const value = octets.subarray(field.valueStart, field.end);
    return [octets.subarray(field.start, field.valueStart), subjectPrefix(header, field, prefix), value];
  });
  return parseHeader(Buffer.concat([...added, ...kept]));
}

/** RFC 2919, RFC 2369. */
export function listId(address: Address): string {
  return `${address.localPart}.${address.domain}`;
}

function listFields(address: Address, name: string): string {
  const owner = `${name}-owner@${address.domain}`;
  return [
    `List-Id: <${listId(address)}>`,
    `List-Post: <mailto:${addressText(address)}>`,
    `List-Owner: <mailto:${owner}>`,
    `List-Unsubscribe: <mailto:${owner}?subject=unsubscribe%20${name}>`,
    "Precedence: list",
    "",
  ].join("\r\n");
}

/** `Alice via team`, in a form that every reader takes for a name and for nothing else. */
function shownAuthor(header: Header, from: HeaderField, list: string): string {
  const parsed = parseMailboxes(fieldText(header, from));
  const author = parsed.ok ? parsed.mailboxes[0] : undefined;
  const name = author?.displayName ?? (author ? `${author.address.localPart}@${author.address.domain}` : "?");
  // Encoded words count outside quotes only.
  if (name.length <= MAX_ENCODED_NAME && name.includes("=?") && isPhrase(name)) return `${name} via ${list}`;
  const plain = name
    .replaceAll(/\p{Cc}/gu, " ")
    .slice(0, MAX_NAME)
    .replaceAll(/["\\]/g, "\\$&");
  return `"${plain} via ${list}"`;
}

const WORD = /^(?:=\?[\w-]+\?[bq]\?[!->@-~]*\?=|[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+|)$/i;

/** Encoded words and atoms with spaces between, one after the other: as one expression a name could take it years. */
function isPhrase(name: string): boolean {
  return name.split(" ").every((word) => WORD.test(word));
}
