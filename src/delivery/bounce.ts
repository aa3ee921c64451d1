import { isAscii } from "node:buffer";
import type { LeasedMessage } from "../queue/index.ts";
import type { RecipientResult } from "./result.ts";

/** A report to the sender of a message that some recipients will never get. Never made for a null sender. */
export interface Bounce {
  /** The reverse path of the message: who gets the report. The report's own reverse path is empty. */
  readonly recipient: string;
  /** The account that submitted the message; null for mail from outside. */
  readonly account: string | null;
  /** The message's id in the queue. */
  readonly messageId: string;
  readonly failed: readonly RecipientResult[];
  /** The whole report, unsigned, CRLF line ends. */
  readonly content: Buffer;
}

export interface BounceOptions {
  /** This host's name. */
  readonly hostname: string;
  /** Address in From. */
  readonly from: string;
  readonly now: Date;
  /** Unique: for Message-ID and the boundary. */
  readonly id: string;
}

/** Diagnostics are other servers' words: cut, and never more than one line. */
const maxDiagnostic = 400;

/**
 * A delivery status notification (RFC 3464 in the frame of RFC 6522): for people, for programs, and the header of
 * the message that did not arrive, whole, so that its signature can be checked.
 */
export function formatBounce(
  message: LeasedMessage,
  failed: readonly RecipientResult[],
  header: Buffer,
  { hostname, from, now, id }: BounceOptions,
): Buffer {
  const boundary = `=_${id}`;
  const eightBit = !isAscii(header);
  const date = (time: number | Date) => new Date(time).toUTCString().replace("GMT", "+0000");
  const head = [
    `From: Mail delivery <${from}>`,
    `To: <${message.sender}>`,
    "Subject: Your message could not be delivered",
    `Date: ${date(now)}`,
    `Message-ID: <${id}@${hostname}>`,
    "Auto-Submitted: auto-replied", // RFC 3834 §5
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    `Content-Transfer-Encoding: ${eightBit ? "8bit" : "7bit"}`,
    "",
    `--${boundary}`,
    "Content-Type: text/plain; charset=us-ascii",
    "",
    `This is the mail system at ${hostname}.`,
    "",
    "Your message could not be delivered to these recipients, and will not be",
    "tried again:",
    "",
    ...failed.flatMap((result) => [`  ${printable(result.address)}`, `    ${explanation(result)}`, ""]),
    "The header of your message is attached.",
    "",
    `--${boundary}`,
    "Content-Type: message/delivery-status",
    "",
    `Reporting-MTA: dns; ${hostname}`,
    `Arrival-Date: ${date(message.enqueuedAt)}`,
    "",
    ...failed.flatMap((result) => [...statusFields(result), ""]),
    `--${boundary}`,
    `Content-Type: text/rfc822-headers`,
    ...(eightBit ? ["Content-Transfer-Encoding: 8bit"] : []),
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n")), header, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}

/** RFC 3464 §2.3. A deferred recipient in a bounce is one that was given up. */
function statusFields({ address, code, enhanced, remote, text, kind }: RecipientResult): string[] {
  // RFC 3464 §2.3.4: the status is that of the failure; a last attempt that was deferred ended by age (X.4.7).
  const fields = [
    finalRecipient(address),
    "Action: failed",
    `Status: ${kind === "deferred" ? "5.4.7" : enhanced}`,
  ];
  if (remote === null) return fields;
  return [
    ...fields,
    `Remote-MTA: dns; ${remote}`,
    `Diagnostic-Code: smtp; ${code} ${enhanced} ${printable(text)}`,
  ];
}

function explanation({ kind, remote, code, enhanced, text }: RecipientResult): string {
  const said = remote === null ? printable(text) : `${remote} said: ${code} ${enhanced} ${printable(text)}`;
  return kind === "deferred" ? `given up after repeated attempts; the last one: ${said}` : said;
}

/** RFC 6533 §3: an address with UTF-8, written in ASCII. */
function finalRecipient(address: string): string {
  if (isAscii(Buffer.from(address))) return `Final-Recipient: rfc822; ${address}`;
  const encoded = address.replaceAll(/[^\x21-\x7e]|[\\+=]/gu, (character) => {
    return `\\x{${(character.codePointAt(0) as number).toString(16).toUpperCase()}}`;
  });
  return `Final-Recipient: utf-8; ${encoded}`;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, "?").slice(0, maxDiagnostic);
}
