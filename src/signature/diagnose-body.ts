import { createHash, hash } from "node:crypto";
import { fieldText } from "../message/index.ts";
import { BodyHasher } from "./body-hasher.ts";
import type { ScannedMessage } from "./scanned-message.ts";

/** Bounds of the search: what lies beyond is left unexplained rather than made to wait for. */
const MAX_LINES = 200_000;
const MAX_LEADING_LINES = 64;

/**
 * Why does the body hash differ? Only the hash was signed, so this tries what commonly happens on the way:
 * text put behind the body (list footers, scanners' notes), text put before it, another transfer encoding.
 *
 * @param canonical the body as it arrived, in canonical form
 * @returns a sentence that names the octets in question, or null when none of these explains it
 */
export function diagnoseBody(
  message: ScannedMessage,
  canonical: Buffer,
  wantedBase64: string,
): string | null {
  return (
    appended(canonical, wantedBase64) ??
    prepended(canonical, wantedBase64) ??
    reencoded(message, canonical, wantedBase64)
  );
}

function appended(canonical: Buffer, wantedBase64: string): string | null {
  if (createHash("sha256").digest("base64") === wantedBase64)
    return "the whole body was added: it was empty when signed";
  const running = createHash("sha256");
  let hashed = 0;
  for (let lines = 0, end = 0; lines < MAX_LINES; lines++) {
    const lf = canonical.indexOf(10, end);
    if (lf < 0) return null;
    end = lf + 1;
    running.update(canonical.subarray(hashed, end));
    hashed = end;
    if (end < canonical.length && running.copy().digest("base64") === wantedBase64) {
      return `octets ${end + 1} to ${canonical.length} of the canonical body (${canonical.length - end} octets from line ${lines + 2} on) were appended after signing`;
    }
  }
  return null;
}

function prepended(canonical: Buffer, wantedBase64: string): string | null {
  for (let lines = 1, start = 0; lines <= MAX_LEADING_LINES; lines++) {
    const lf = canonical.indexOf(10, start);
    if (lf < 0 || lf + 1 >= canonical.length) return null;
    start = lf + 1;
    if (hash("sha256", canonical.subarray(start), "base64") === wantedBase64) {
      return `octets 1 to ${start} of the canonical body (its first ${lines} lines) were put before it after signing`;
    }
  }
  return null;
}

function reencoded(message: ScannedMessage, canonical: Buffer, wantedBase64: string): string | null {
  const field = message.index.get("content-transfer-encoding")?.[0];
  const encoding = field === undefined ? "7bit" : fieldText(message.header, field).toLowerCase();
  let decoded: Buffer;
  if (encoding === "base64") decoded = Buffer.from(canonical.toString("latin1"), "base64");
  else if (encoding === "quoted-printable") decoded = decodeQuotedPrintable(canonical);
  else return null;
  const hasher = new BodyHasher();
  hasher.write(decoded);
  return hasher.finish() === wantedBase64 ? `the body was re-encoded as ${encoding} after signing` : null;
}

function decodeQuotedPrintable(body: Buffer): Buffer {
  const text = body.toString("latin1").replace(/=\r\n/g, "");
  return Buffer.from(
    text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}
