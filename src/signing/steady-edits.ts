import { isAscii } from "node:buffer";
import {
  foldList,
  foldLongLines,
  type Header,
  type HeaderEdit,
  type HeaderField,
  steadyAddresses,
} from "../message/index.ts";

/** What they hold is written anew on the way, by servers that do so at all. */
const ADDRESS_FIELDS: ReadonlySet<string> = new Set(["from", "sender", "reply-to", "to", "cc"]);
/** Whoever signed it knows best; and a change would break what he signed. */
const SIGNATURES: ReadonlySet<string> = new Set(["dkim-signature", "arc-message-signature"]);

/**
 * Makes fields such that servers on the way leave them alone (MSG-20): address fields as Sendmail writes them, and lines
 * that are not too long for it.
 *
 * @param fields of the header, those that are kept
 * @param domain of addresses that have none
 */
export function steadyEdits(header: Header, fields: readonly HeaderField[], domain: string): HeaderEdit[] {
  if (fields.some(({ name }) => SIGNATURES.has(name))) return [];
  return fields.flatMap((field) => {
    if (field.name === "content-transfer-encoding") return []; // edited where the body is encoded
    const value = steadyValue(header, field, domain);
    return value === null ? [] : { kind: "replace", field, value: Buffer.from(value, "latin1") };
  });
}

function steadyValue(header: Header, field: HeaderField, domain: string): string | null {
  const { name, start, valueStart, end } = field;
  const value = header.octets.toString("latin1", valueStart, end);
  const column = valueStart - start;
  const elements = ADDRESS_FIELDS.has(name) ? steadyAddresses(value, domain) : null;
  const steady = elements && ` ${foldList(elements, column + 1)}\r\n`;
  return foldLongLines(steady ?? value, column) ?? steady;
}

/**
 * Says of what has octets above 127 that it is MIME (MSG-20), as Sendmail would on its way to a server without 8BITMIME
 * (RFC 2045 §5.2: without Content-Type it is this). Of a body in 8 bits that nobody labelled nothing is known.
 *
 * @param header as it is after all other edits
 */
export function missingMimeFields({ octets, fields }: Header, eightBitBody: boolean): HeaderEdit[] {
  if (isAscii(octets) && !eightBitBody) return [];
  const lacks = (name: string): boolean => !fields.some((field) => field.name === name);
  let added = "";
  if (lacks("mime-version")) added += "MIME-Version: 1.0\r\n";
  if (lacks("content-type") && !eightBitBody) added += "Content-Type: text/plain; charset=us-ascii\r\n";
  return added === "" ? [] : [{ kind: "prepend", octets: Buffer.from(added) }];
}
