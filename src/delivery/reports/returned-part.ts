import { isAscii } from "node:buffer";
import { QuotedPrintableEncoder } from "../../message/index.ts";
import type { Original } from "./original.ts";

/** The part with the message itself, or its header: MIME fields, then its octets. */
export interface ReturnedPart {
  readonly fields: readonly string[];
  readonly octets: Buffer;
}

/** @param utf8 in the types of RFC 6533, which hold UTF-8 */
export function returnedPart({ header, whole }: Original, utf8: boolean): ReturnedPart {
  const octets = whole ?? header;
  if (utf8) {
    const type = whole === null ? "message/global-headers" : "message/global";
    return { fields: [`Content-Type: ${type}`, "Content-Transfer-Encoding: 8bit"], octets };
  }
  if (whole === null) {
    const type = "Content-Type: text/rfc822-headers";
    if (isAscii(header)) return { fields: [type], octets };
    return { fields: [type, "Content-Transfer-Encoding: quoted-printable"], octets: quotedPrintable(header) };
  }
  // RFC 2046 §5.2.1: encoded it may not be.
  const fields = ["Content-Type: message/rfc822"];
  if (!isAscii(whole)) fields.push("Content-Transfer-Encoding: 8bit");
  return { fields, octets };
}

function quotedPrintable(text: Buffer): Buffer {
  const encoder = new QuotedPrintableEncoder();
  return Buffer.concat([encoder.write(text), encoder.finish()]);
}
