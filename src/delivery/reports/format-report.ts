import { isAscii } from "node:buffer";
import { formatMailDate } from "../../message/index.ts";
import type { LeasedMessage } from "../../queue/index.ts";
import { printable } from "./lines.ts";
import type { Original } from "./original.ts";
import type { Action, ReportedRecipient } from "./reported-recipient.ts";
import { returnedPart } from "./returned-part.ts";
import { statusPart } from "./status-part.ts";
import { type Returned, textPart } from "./text-part.ts";

export interface ReportOptions {
  /** This host's name. */
  readonly hostname: string;
  /** Address in From. */
  readonly from: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** An attempt was made just now. */
  readonly attempted: boolean;
  /** Unique: for Message-ID and the boundary. */
  readonly id: string;
}

/**
 * A report to the sender of a message (RFC 3464 in the frame of RFC 6522): for people, for programs, and the message's
 * header or the whole of it, unless it could not be read.
 *
 * It is ASCII wherever that is possible. Where a message with SMTPUTF8 has addresses or a header that are not, it is of
 * the types of RFC 6533; and a whole 8-bit message comes back as it is.
 */
export function formatReport(
  message: LeasedMessage,
  recipients: readonly ReportedRecipient[],
  original: Original | null,
  { hostname, from, now, attempted, id }: ReportOptions,
): Buffer {
  const utf8 = message.smtputf8 && !isPlain(message, recipients, original);
  const boundary = `=_${id}`;
  const returned = original && returnedPart(original, utf8);
  const text = textPart(message, recipients, {
    hostname,
    postmaster: `postmaster@${from.slice(from.lastIndexOf("@") + 1)}`,
    returned: howReturned(original, wantsWhole(message, recipients)),
    subject: shownSubject(original, utf8),
    now,
    utf8,
  });
  const status = statusPart(message, recipients, { hostname, attemptedAt: attempted ? now : null, utf8 });
  const part = utf8 ? ["Content-Transfer-Encoding: 8bit"] : [];
  const body = [
    `--${boundary}`,
    `Content-Type: text/plain; charset=${utf8 ? "utf-8" : "us-ascii"}`,
    ...part,
    "",
    ...text,
    "",
    `--${boundary}`,
    `Content-Type: message/${utf8 ? "global-" : ""}delivery-status`,
    ...part,
    "",
    ...status,
    "",
    ...(returned === null ? [] : [`--${boundary}`, ...returned.fields, "", ""]),
  ].join("\r\n");
  const eightBit = utf8 || (returned !== null && !isAscii(returned.octets));
  const head = [
    `From: Mail delivery <${from}>`,
    `To: <${message.sender}>`,
    `Subject: ${subjectOf(recipients)}`,
    `Date: ${formatMailDate(now)}`,
    `Message-ID: <${id}@${hostname}>`,
    ...references(original),
    "Auto-Submitted: auto-replied", // RFC 3834 §5
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=${utf8 ? "global-" : ""}delivery-status;\r\n boundary="${boundary}"`,
    ...(eightBit ? ["Content-Transfer-Encoding: 8bit"] : []),
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([
    Buffer.from(head + body),
    returned?.octets ?? EMPTY,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

function howReturned(original: Original | null, wanted: boolean): Returned {
  if (original === null) return "nothing";
  return original.whole !== null ? "whole" : wanted ? "too-large" : "header";
}

/** RFC 3461 §4.3: RET is about failures; without RET, and of what did not fail, the header comes back. */
export function wantsWhole(message: LeasedMessage, recipients: readonly ReportedRecipient[]): boolean {
  return message.returned === "full" && recipients.some(({ action }) => action === "failed");
}

function isPlain(
  { sender }: LeasedMessage,
  recipients: readonly ReportedRecipient[],
  original: Original | null,
): boolean {
  const addresses = recipients.map(({ recipient }) => recipient.address);
  return isAscii(original?.header ?? EMPTY) && isAscii(Buffer.from([sender, ...addresses].join("")));
}

const happened: readonly (readonly [Action, string])[] = [
  ["failed", "Not delivered"],
  ["delayed", "Delayed"],
  ["relayed", "Handed on"],
  ["delivered", "Delivered"],
];

/** The worst, and to whom as far as a subject shows it. */
function subjectOf(recipients: readonly ReportedRecipient[]): string {
  const [action, what] = happened.find(([one]) => recipients.some((other) => other.action === one)) ?? [];
  const [first, ...more] = recipients.filter((one) => one.action === action);
  const address = first?.recipient.address ?? "";
  if (!/^[\x21-\x7e]{1,100}$/.test(address)) return `${what}: your message`;
  const others = more.length === 0 ? "" : ` and ${more.length} other${more.length === 1 ? "" : "s"}`;
  return `${what}: your message to ${address}${others}`;
}

/** Mail programs show the report with the message (RFC 5322 §3.6.4). */
function references(original: Original | null): string[] {
  const messageId = original?.messageId ?? "";
  return /^<[!-;=?-~]{1,250}>$/.test(messageId) ? [`References: ${messageId}`] : [];
}

/** Encoded words help nobody. */
function shownSubject(original: Original | null, utf8: boolean): string | null {
  const subject = original?.subject ?? "";
  if (subject.includes("=?") || subject === "") return null;
  return utf8 || isAscii(Buffer.from(subject)) ? printable(subject, utf8) : null;
}

const EMPTY = Buffer.alloc(0);
