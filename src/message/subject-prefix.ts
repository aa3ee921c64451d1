import { fieldText, type Header, type HeaderField } from "./header.ts";

/** A longer first line of a subject gets the prefix on a line of its own: with it, it could be longer than lines may be. */
const MAX_FIRST_LINE = 900;
const SPACE = 32;
const TAB = 9;
const CR = 13;

/** What goes between a Subject field's colon and its value so that a prefix stands before the text; nothing where one does. */
export function subjectPrefix(header: Header, field: HeaderField, prefix: string): Uint8Array {
  if (fieldText(header, field).includes(prefix)) return new Uint8Array();
  const value = header.octets.subarray(field.valueStart, field.end);
  const isFolded = value.indexOf("\r\n") > MAX_FIRST_LINE;
  const [next] = value;
  // A text that begins with its own space or fold, or is empty, goes on where the prefix ends.
  const hasGap = next === SPACE || next === TAB || next === CR || next === undefined;
  return Buffer.from(` ${prefix}${isFolded ? "\r\n" : ""}${hasGap ? "" : " "}`);
}
