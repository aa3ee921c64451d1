import {
  decodeBase64,
  fieldText,
  type Header,
  HeaderReader,
  parseContentType,
  parseHeader,
} from "../message/index.ts";
import { REPORT_TYPE } from "./aggregate-mail.ts";
import { MAX_PACKED_OCTETS } from "./aggregate-report.ts";

export type AttachedReport =
  | { readonly ok: true; readonly packed: Buffer }
  | { readonly ok: false; readonly problem: string };

/** A report of the largest size in base64, and other parts for people. */
export const MAX_REPORT_MAIL_OCTETS = 2 * MAX_PACKED_OCTETS;
const MAX_PARTS = 20;
const [type, subtype] = REPORT_TYPE.split("/");

/** Takes the report out of a mail that brings one (REP-1): the mail's only attachment of that type, or its body. */
export function attachedReport(message: Uint8Array): AttachedReport {
  if (message.length > MAX_REPORT_MAIL_OCTETS) return bad("the mail is too large to bring a report");
  const { header, body } = split(message);
  const found = contentType(header);
  if (found === null) return bad("the mail brings no report");
  if (isReport(found)) return decode(header, body);
  if (found.type !== "multipart" || found.boundary === null) return bad("the mail brings no report");
  const parts = partsOf(body, found.boundary).map(split);
  const [report, ...more] = parts.filter((part) => isReport(contentType(part.header)));
  if (report === undefined) return bad("the mail brings no report");
  if (more.length > 0) return bad("the mail brings more than one report");
  return decode(report.header, report.body);
}

interface Entity {
  readonly header: Header;
  readonly body: Buffer;
}

function split(octets: Uint8Array): Entity {
  const reader = new HeaderReader();
  const body = reader.write(octets);
  return {
    header: parseHeader(reader.finish()),
    body: Buffer.from(body.buffer, body.byteOffset, body.length),
  };
}

/** Null where there is none that all readers would agree on. */
function contentType(header: Header): ReturnType<typeof parseContentType> {
  const value = only(header, "content-type");
  return value === null ? null : parseContentType(value);
}

function only(header: Header, name: string): string | null {
  const [field, ...more] = header.fields.filter((one) => one.name === name);
  return field === undefined || more.length > 0 ? null : fieldText(header, field);
}

function isReport(found: ReturnType<typeof contentType>): boolean {
  return found?.type === type && found?.subtype === subtype;
}

/** RFC 2046 §5.1.1; what stands before the first delimiter line and behind the last is no part. */
function partsOf(body: Buffer, boundary: string): Buffer[] {
  const parts: Buffer[] = [];
  const delimiter = `--${boundary}`;
  let begun: number | null = null;
  for (let at = body.indexOf(delimiter); at >= 0 && parts.length < MAX_PARTS; ) {
    const lineEnd = body.indexOf("\r\n", at);
    const end = lineEnd < 0 ? body.length : lineEnd;
    const rest = body.toString("latin1", at + delimiter.length, Math.min(end, at + delimiter.length + 100));
    const last = /^--[ \t]*$/.test(rest);
    if ((at === 0 || body.subarray(at - 2, at).equals(CRLF)) && (last || /^[ \t]*$/.test(rest))) {
      if (begun !== null) parts.push(body.subarray(begun, Math.max(begun, at - 2)));
      if (last) break;
      begun = Math.min(end + 2, body.length);
    }
    at = body.indexOf(delimiter, end);
  }
  return parts;
}

function decode(header: Header, body: Buffer): AttachedReport {
  const encoding = only(header, "content-transfer-encoding")?.toLowerCase();
  if (encoding !== "base64") return bad("the report is not in base64");
  const packed = decodeBase64(body.toString("latin1").replaceAll(/[\r\n \t]/g, ""));
  return packed === null ? bad("the report is not in base64") : { ok: true, packed };
}

function bad(problem: string): AttachedReport {
  return { ok: false, problem };
}

const CRLF = Buffer.from("\r\n");
