import { formatMailDate } from "../../message/index.ts";
import type { LeasedMessage } from "../../queue/index.ts";
import { decodeXtext } from "../../smtp/index.ts";
import { addressField, originalRecipient } from "./address-field.ts";
import { printable } from "./lines.ts";
import type { ReportedRecipient } from "./reported-recipient.ts";

export interface StatusOptions {
  readonly hostname: string;
  /** When the attempt ended that the report tells of, Unix milliseconds; null: none was made now. */
  readonly attemptedAt: number | null;
  /** message/global-delivery-status: UTF-8 as it is (RFC 6533 §4.1). */
  readonly utf8: boolean;
}

/** The part for programs (RFC 3464 §2): fields of the message, then of each recipient, with an empty line between. */
export function statusPart(
  message: LeasedMessage,
  recipients: readonly ReportedRecipient[],
  options: StatusOptions,
): string[] {
  const envelopeId = message.envelopeId === null ? null : decodeXtext(message.envelopeId);
  return [
    ...(envelopeId === null ? [] : [`Original-Envelope-Id: ${envelopeId}`]),
    `Reporting-MTA: dns; ${options.hostname}`,
    `Arrival-Date: ${formatMailDate(message.enqueuedAt)}`,
    ...recipients.flatMap((one) => ["", ...recipientFields(message, one, options)]),
  ];
}

/** RFC 3464 §2.3, in its order. */
function recipientFields(
  message: LeasedMessage,
  one: ReportedRecipient,
  { attemptedAt, utf8 }: StatusOptions,
): string[] {
  const { recipient, action, result } = one;
  const original = recipient.originalRecipient && originalRecipient(recipient.originalRecipient, utf8);
  const fields = [
    ...(original === null ? [] : [`Original-Recipient: ${original}`]),
    `Final-Recipient: ${addressField(recipient.address, utf8)}`,
    `Action: ${action}`,
    `Status: ${statusOf(one)}`,
  ];
  if (result.remote !== null) fields.push(`Remote-MTA: dns; ${printable(result.remote, false)}`);
  fields.push(`Diagnostic-Code: ${diagnostic(result, utf8)}`);
  if (attemptedAt !== null) fields.push(`Last-Attempt-Date: ${formatMailDate(attemptedAt)}`);
  fields.push(`Final-Log-ID: ${message.id}`);
  if (action === "delayed") fields.push(`Will-Retry-Until: ${formatMailDate(message.expiresAt)}`);
  return fields;
}

/** RFC 3464 §2.3.4: its class is that of the action. */
function statusOf({ action, ending, result }: ReportedRecipient): string {
  switch (ending) {
    case "given-up":
      return "5.4.7";
    case "operator":
      return "5.7.1";
    case "account":
      return "5.7.13";
  }
  const wanted = action === "failed" ? "5" : action === "delayed" ? "4" : "2";
  return result.enhanced.startsWith(wanted) ? result.enhanced : `${wanted}.0.0`;
}

/** RFC 3464 §2.3.6: only what a server said is of type smtp. */
function diagnostic({ code, enhanced, text }: ReportedRecipient["result"], utf8: boolean): string {
  return code === null
    ? `X-VSMTP; ${enhanced} ${printable(text, utf8)}`
    : `smtp; ${code} ${enhanced} ${printable(text, utf8)}`;
}
