import { readFieldName } from "./field-name.ts";

/** A rule of MSG-2 that octets of a message break, and where. */
export interface MessageFault {
  readonly kind: "nul" | "bare-cr" | "bare-lf" | "long-line" | "bad-header-line" | "header-too-large";
  /** Octets from the beginning of the message. */
  readonly offset: number;
  /** Line in the message counted from 1; null where only the offset is known. */
  readonly line: number | null;
}

const FAULT_TEXT: Record<MessageFault["kind"], string> = {
  nul: "a NUL octet",
  "bare-cr": "a CR without LF behind it",
  "bare-lf": "an LF without CR before it",
  "long-line": "a line of more than 998 octets",
  "bad-header-line": "a header line that has no valid field name",
  "header-too-large": "a header of more than 1 MiB",
};

/** What is wrong and where, for people: "line 3 (byte 120): an LF without CR before it". */
export function faultText(fault: MessageFault): string {
  const where = fault.line === null ? `byte ${fault.offset}` : `line ${fault.line} (byte ${fault.offset})`;
  return `${where}: ${FAULT_TEXT[fault.kind]}`;
}

/** One header field; offsets count from the beginning of the header. */
export interface HeaderField {
  /** Lower case. */
  readonly name: string;
  readonly start: number;
  /** First octet behind the colon. */
  readonly valueStart: number;
  /** First octet behind the field's last CRLF. */
  readonly end: number;
}

export interface Header {
  /** The header's octets, the CRLF of its last field included, the empty line not. */
  readonly octets: Buffer;
  readonly fields: readonly HeaderField[];
  /** The first fault; fields are listed as far as they can be told all the same. */
  readonly fault: MessageFault | null;
}

const CR = 13;
const LF = 10;
/** Its CRLF not counted (MSG-4). */
const MAX_LINE_OCTETS = 998;

/**
 * Splits a header into fields and checks the rules of MSG-1 and MSG-2 (CRLF only, no NUL, lines of at most 998
 * octets, printable names; MSG-10: a continuation line of white space alone belongs to its field).
 *
 * @param octets a header without its empty line; a missing CRLF at the very end is tolerated
 */
export function parseHeader(octets: Uint8Array): Header {
  const buffer = Buffer.isBuffer(octets)
    ? octets
    : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const fields: { name: string; start: number; valueStart: number; end: number }[] = [];
  let fault: MessageFault | null = null;
  for (let start = 0, line = 1; start < buffer.length; line++) {
    const { end, broken } = readLine(buffer, start);
    if (broken && fault === null) fault = { ...broken, line };
    const first = buffer[start];
    const field = fields.at(-1);
    if ((first === 32 || first === 9) && field) field.end = end;
    else {
      const found = fieldName(buffer, start, end);
      if (found) fields.push({ name: found.name, start, valueStart: found.valueStart, end });
      else fault ??= { kind: "bad-header-line", offset: start, line };
    }
    start = end;
  }
  return { octets: buffer, fields, fault };
}

/** Where the line ends that begins here, its line end included, and the first rule of MSG-2 that it breaks. */
function readLine(buffer: Buffer, start: number): { end: number; broken: Omit<MessageFault, "line"> | null } {
  let broken: Omit<MessageFault, "line"> | null = null;
  let at = start;
  let octet = 0;
  for (; at < buffer.length; at++) {
    const before = octet;
    octet = buffer[at] as number;
    if (octet > CR) continue;
    if (octet === LF) {
      if (before !== CR || at === start) broken ??= { kind: "bare-lf", offset: at };
      break;
    }
    if (octet === 0) broken ??= { kind: "nul", offset: at };
    else if (octet === CR && buffer[at + 1] !== LF) broken ??= { kind: "bare-cr", offset: at };
  }
  const textEnd = octet === LF && buffer[at - 1] === CR ? at - 1 : at;
  if (textEnd - start > MAX_LINE_OCTETS) broken ??= { kind: "long-line", offset: start + MAX_LINE_OCTETS };
  return { end: Math.min(at + 1, buffer.length), broken };
}

/** The name before the colon: printable US-ASCII, white space before the colon accepted (MSG-9). */
function fieldName(buffer: Buffer, start: number, end: number): { name: string; valueStart: number } | null {
  let at = start;
  for (; at < end; at++) {
    const octet = buffer[at] as number;
    if (octet === 58 || octet <= 32 || octet >= 127) break;
  }
  const nameEnd = at;
  while (at < end && (buffer[at] === 32 || buffer[at] === 9)) at++;
  if (nameEnd === start || buffer[at] !== 58 || at >= end) return null;
  return { name: readFieldName(buffer, start, nameEnd), valueStart: at + 1 };
}

/** Where a field's value ends: before the CRLF at its end. */
function valueEnd({ octets }: Header, { valueStart, end }: HeaderField): number {
  const textEnd = end > valueStart && octets[end - 1] === LF ? end - 1 : end;
  return textEnd > valueStart && octets[textEnd - 1] === CR ? textEnd - 1 : textEnd;
}

/** A field's value as text: unfolded, white space around it removed; octets that are not UTF-8 become U+FFFD. */
export function fieldText(header: Header, field: HeaderField): string {
  const folded = header.octets.toString("utf8", field.valueStart, valueEnd(header, field));
  const text = folded.includes("\n") ? folded.replace(/\r?\n/g, "") : folded;
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
