import { formatMailDate } from "../message/index.ts";
import type { AggregateReport } from "./aggregate-report.ts";
import { base64Lines } from "./base64-lines.ts";
import type { MailOptions } from "./mail-options.ts";

export const REPORT_TYPE = "application/vsmtp-report+gzip";

/** The mail that brings a report: words for people, and the report as its one attachment (REP-1). ASCII, CRLF. */
export function aggregateMail(
  report: Pick<AggregateReport, "reporter" | "domain" | "begin" | "end">,
  packed: Uint8Array,
  { from, to, hostname, now, id }: MailOptions,
): Buffer {
  const { reporter, domain, begin, end } = report;
  const boundary = `=_${id}`;
  const day = new Date(begin * 1000).toISOString().slice(0, 10);
  const fileName = `${reporter}!${domain}!${begin}!${end}.json.gz`;
  return Buffer.from(
    [
      `From: VSMTP reports <${from}>`,
      `To: <${to}>`,
      `Subject: VSMTP report, ${day}:`,
      ` ${domain}`,
      ` by ${reporter}`,
      `Date: ${formatMailDate(now)}`,
      `Message-ID: <${id}@${hostname}>`,
      "Auto-Submitted: auto-generated", // RFC 3834 §5
      "MIME-Version: 1.0",
      `Content-Type: multipart/mixed;\r\n boundary="${boundary}"`,
      "",
      `--${boundary}`,
      "Content-Type: text/plain; charset=us-ascii",
      "",
      "What became of mail in the name of",
      `  ${domain}`,
      "that came to",
      `  ${reporter}`,
      `on ${day} (UTC), by VSMTP result, key and sending host. The report`,
      "is the attachment: JSON, compressed; vsmtp report show reads it. It goes",
      "to the address that rua names in the domain's TXT record at _vsmtp.",
      "",
      `--${boundary}`,
      `Content-Type: ${REPORT_TYPE}`,
      "Content-Transfer-Encoding: base64",
      `Content-Disposition: attachment;\r\n filename="${fileName}"`,
      "",
      ...base64Lines(packed),
      `--${boundary}--`,
      "",
    ].join("\r\n"),
  );
}
