import { isAscii } from "node:buffer";
import type { Header } from "../message/index.ts";
import type { Row } from "./mailauth.ts";

// What is read of hostile headers: mailauth's work grows with the product of fields, signatures and names in `h`.

const MAX_HEADER_OCTETS = 128 << 10;
const MAX_FIELDS = 1000;
/** Of one message; those at the top are the latest. */
const MAX_SIGNATURES = 10;
const MAX_SIGNATURE_OCTETS = 8192;
/** Names in U-labels (RFC 8616) are converted in time that grows with their square. */
const MAX_NON_ASCII_OCTETS = 1024;
/** Colons, about as many as names in `h`. */
const MAX_SIGNED_FIELDS = 512;
/** Authentication-Results of other hosts. */
const MAX_ARC_RESULTS_OCTETS = 16 << 10;

/** The fields of a message for mailauth. */
export interface SignatureRows {
  /** All fields. */
  readonly all: readonly Row[];
  /** DKIM-Signature fields that are looked at. */
  readonly signatures: readonly Row[];
  /** The fields of an ARC chain. */
  readonly arc: readonly Row[];
  /** There is a chain that is not looked at: it is larger than any that honest hosts make. */
  readonly arcTooLarge: boolean;
}

const ARC_FIELDS = new Set(["arc-authentication-results", "arc-message-signature", "arc-seal"]);

/** Null where the message has neither signatures nor an ARC chain; `too-large` where its header is out of measure. */
export function signatureRows(header: Header): SignatureRows | "too-large" | null {
  const { fields, octets } = header;
  const wanted = ({ name }: { readonly name: string }) => name === "dkim-signature" || ARC_FIELDS.has(name);
  if (!fields.some(wanted)) return null;
  if (octets.length > MAX_HEADER_OCTETS || fields.length > MAX_FIELDS) return "too-large";
  const all = fields.map(({ name, start }, index): Row => {
    // A line that is no field belongs to the one above, for mailauth too: it must break that one's signature.
    const end = fields[index + 1]?.start ?? octets.length;
    return { key: name, casedKey: name, line: octets.subarray(start, withoutLineEnd(octets, end)) };
  });
  const arc = all.filter(({ key }) => ARC_FIELDS.has(key));
  const arcTooLarge = arc.some((row) => !isReadable(row));
  const signatures = all.filter((row) => row.key === "dkim-signature" && isReadable(row));
  return { all, signatures: signatures.slice(0, MAX_SIGNATURES), arc: arcTooLarge ? [] : arc, arcTooLarge };
}

function isReadable({ key, line }: Row): boolean {
  if (key === "arc-authentication-results") return line.length <= MAX_ARC_RESULTS_OCTETS;
  if (line.length > MAX_SIGNATURE_OCTETS) return false;
  if (line.length > MAX_NON_ASCII_OCTETS && !isAscii(line)) return false;
  let colons = 0;
  for (let at = line.indexOf(58); at !== -1; at = line.indexOf(58, at + 1)) colons++;
  return colons <= MAX_SIGNED_FIELDS;
}

function withoutLineEnd(octets: Uint8Array, end: number): number {
  if (octets[end - 1] !== 10) return end;
  return octets[end - 2] === 13 ? end - 2 : end - 1;
}
