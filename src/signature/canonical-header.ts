import { hash } from "node:crypto";
import type { Header, HeaderField } from "../message/index.ts";

/**
 * Writes one field in canonical form, `name:value` without CRLF (MSG-7, MSG-8): name in lower case, unfolded, runs
 * of white space one SP, none at either end of the value. Octets above 127 pass unchanged.
 *
 * @returns the offset behind what was written; it is never more than the field had
 */
function writeCanonical(
  out: Buffer,
  at: number,
  name: string,
  source: Uint8Array,
  from: number,
  to: number,
): number {
  let end = at;
  for (let i = 0; i < name.length; i++) out[end++] = name.charCodeAt(i);
  out[end++] = 58;
  const valueStart = end;
  let space = false;
  for (let i = from; i < to; i++) {
    const octet = source[i] as number;
    if (octet === 32 || octet === 9) space = true;
    else if (octet !== 13 && octet !== 10) {
      if (space) {
        if (end > valueStart) out[end++] = 32;
        space = false;
      }
      out[end++] = octet;
    }
  }
  return end;
}

/** A header field in canonical form, without CRLF. */
export function canonicalField(header: Header, field: HeaderField): Buffer {
  const out = Buffer.allocUnsafe(field.end - field.start + 2);
  return out.subarray(0, writeCanonical(out, 0, field.name, header.octets, field.valueStart, field.end));
}

/** Fields by name, each list from top to bottom. */
export type FieldIndex = ReadonlyMap<string, readonly HeaderField[]>;

export function indexFields(header: Header): FieldIndex {
  const index = new Map<string, HeaderField[]>();
  for (const field of header.fields) {
    const same = index.get(field.name);
    if (same) same.push(field);
    else index.set(field.name, [field]);
  }
  return index;
}

/**
 * H (SIG-50 steps 1 to 3): all instances of each name in `h`, in order, then the signature fields of lower levels,
 * then the last line, which is the field itself up to `b=`.
 */
export function headerCanonical(
  header: Header,
  index: FieldIndex,
  names: readonly string[],
  lowerLevels: readonly HeaderField[],
  lastLine: Uint8Array,
): Buffer {
  const fields: HeaderField[] = [];
  for (const name of names) {
    const same = index.get(name);
    if (same !== undefined) for (const field of same) fields.push(field);
  }
  for (const field of lowerLevels) fields.push(field);
  return canonicalFields(header, fields, lastLine);
}

/** Fields in canonical form, each with its CRLF, then the last line. */
export function canonicalFields(
  header: Header,
  fields: readonly HeaderField[],
  lastLine: Uint8Array,
): Buffer {
  let room = lastLine.length;
  for (const field of fields) room += field.end - field.start + 2;
  const out = Buffer.allocUnsafe(room);
  let at = 0;
  for (const field of fields) {
    at = writeCanonical(out, at, field.name, header.octets, field.valueStart, field.end);
    out[at++] = 13;
    out[at++] = 10;
  }
  out.set(lastLine, at);
  return out.subarray(0, at + lastLine.length);
}

const MESSAGE_PREFIX = Buffer.from("VSMTP1-MSG\0", "latin1");

/** M, what is signed (SIG-50 step 4, SIG-51): "VSMTP1-MSG", a zero octet, and the SHA-256 of H. */
export function signingInput(h: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(MESSAGE_PREFIX.length + 32);
  input.set(MESSAGE_PREFIX);
  input.write(hash("sha256", h, "binary"), MESSAGE_PREFIX.length, "latin1");
  return input;
}
