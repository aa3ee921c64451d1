import { fieldText, type Header, type HeaderField } from "../header.ts";
import { type ContentType, parseContentType, withoutComments } from "./content-type.ts";

/** What a header says of the body below it, as far as re-encoding needs it. */
export interface MimeHeader {
  readonly header: Header;
  readonly body: MimeBody;
  /** "other" is one that encodes, or that nobody knows. */
  readonly encoding: "7bit" | "8bit" | "binary" | "other";
  readonly encodingField: HeaderField | null;
  readonly hasMimeVersion: boolean;
  /** It carries a signature of its message, which re-encoding would break. */
  readonly isSigned: boolean;
}

export type MimeBody =
  | {
      readonly kind: "multipart";
      readonly boundary: string;
      /** multipart/digest: its parts are messages unless they say otherwise. */
      readonly isDigest: boolean;
    }
  /** A whole message follows: message/rfc822, message/global. */
  | { readonly kind: "message" }
  | { readonly kind: "leaf"; readonly isText: boolean }
  /** Encoded already, forbidden to encode, or not understood. */
  | { readonly kind: "untouchable" };

const UNTOUCHABLE: MimeBody = { kind: "untouchable" };
const PLAIN_TEXT: ContentType = { type: "text", subtype: "plain", boundary: null };
const MESSAGE: ContentType = { type: "message", subtype: "rfc822", boundary: null };

/** @param inDigest without Content-Type it is a message (RFC 2046 §5.1.5) instead of text */
export function readMimeHeader(header: Header, inDigest: boolean): MimeHeader {
  const types: HeaderField[] = [];
  const encodings: HeaderField[] = [];
  let hasMimeVersion = false;
  let isSigned = false;
  for (const field of header.fields) {
    if (field.name === "content-type") types.push(field);
    else if (field.name === "content-transfer-encoding") encodings.push(field);
    else if (field.name === "mime-version") hasMimeVersion = true;
    else if (SIGNATURE_FIELDS.has(field.name)) isSigned = true;
  }
  const [encodingField = null] = encodings;
  const encoding = encodingField === null ? "7bit" : encodingOf(fieldText(header, encodingField));
  const isClear = header.fault === null && types.length <= 1 && encodings.length <= 1;
  const type = typeOf(header, types[0], inDigest);
  const body = isClear && encoding !== "other" && type !== null ? bodyOf(type) : UNTOUCHABLE;
  return { header, body, encoding, encodingField, hasMimeVersion, isSigned };
}

const SIGNATURE_FIELDS: ReadonlySet<string> = new Set([
  "arc-message-signature",
  "dkim-signature",
  "vsmtp-signature",
]);

function typeOf(header: Header, field: HeaderField | undefined, inDigest: boolean): ContentType | null {
  if (field === undefined) return inDigest ? MESSAGE : PLAIN_TEXT;
  const type = parseContentType(fieldText(header, field));
  if (type === null || type.boundary === null) return type;
  // Some readers take the fold inside a quoted boundary for a part of it.
  const isWhole = header.octets.subarray(field.valueStart, field.end).includes(type.boundary, 0, "latin1");
  return isWhole ? type : null;
}

function encodingOf(text: string): MimeHeader["encoding"] {
  const value = withoutComments(text)?.toLowerCase();
  return value === "7bit" || value === "8bit" || value === "binary" ? value : "other";
}

function bodyOf({ type, subtype, boundary }: ContentType): MimeBody {
  if (type === "multipart") {
    // MSG-18
    if (subtype === "signed" || subtype === "encrypted" || boundary === null) return UNTOUCHABLE;
    return { kind: "multipart", boundary, isDigest: subtype === "digest" };
  }
  if (type === "message") {
    // RFC 2046 §5.2.2 and §5.2.3 forbid to encode fragments and external bodies; of others nothing is known.
    return subtype === "rfc822" || subtype === "global" ? { kind: "message" } : UNTOUCHABLE;
  }
  return { kind: "leaf", isText: type === "text" };
}
