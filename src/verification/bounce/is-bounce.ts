import { fieldText, type Header, parseMailboxes } from "../../message/index.ts";

/** Who writes bounces, in programs that know no reports (RFC 3464). */
const DAEMONS: ReadonlySet<string> = new Set(["mailer-daemon", "postmaster", "mail-daemon"]);

/**
 * Does a message with the null reverse-path say that something could not be delivered? Others have that path too:
 * automatic replies, which return nothing, and notes that something was read (RFC 8098).
 */
export function isBounce(header: Header): boolean {
  for (const field of header.fields) {
    if (field.name === "x-failed-recipients") return true;
    if (field.name !== "content-type" && field.name !== "from") continue;
    const text = fieldText(header, field);
    if (field.name === "from" ? isDaemon(text) : isDeliveryReport(text)) return true;
  }
  return false;
}

function isDeliveryReport(contentType: string): boolean {
  if (!/^multipart[ \t]*\/[ \t]*report\b/i.test(contentType)) return false;
  return !/report-type[ \t]*=[ \t]*"?(?:disposition-notification|feedback-report)\b/i.test(contentType);
}

function isDaemon(from: string): boolean {
  const parsed = parseMailboxes(from);
  // "From: <>" and the like: only daemons do.
  if (!parsed.ok) return !from.includes("@") || /mailer-daemon|postmaster/i.test(from);
  return parsed.mailboxes.some(({ address }) => DAEMONS.has(address.localPart.toLowerCase()));
}
