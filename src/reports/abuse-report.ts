import { formatMailDate } from "../message/index.ts";
import type { MailOptions } from "./mail-options.ts";

/** Spam by an identity that was verified, told to whoever runs its domain (REP-4). */
export interface AbuseReport {
  /** Canonical, percent-encoded: as it stands in `i`. */
  readonly identity: string;
  readonly kid: string;
  /** Domain of the identity. */
  readonly domain: string;
  /** What our border recorded: the value of its Authentication-Results field, for programs. */
  readonly authenticationResults: string;
  /** Null where it is not known any more. */
  readonly sourceAddress: string | null;
  /** As our Received field has it; null as well. */
  readonly arrivalDate: string | null;
  /** The message as it came, header and body or the header alone: what stood above it here is left out. */
  readonly original: Uint8Array;
  readonly whole: boolean;
}

export interface AbuseMailOptions extends MailOptions {
  /** Of this program, as `VSMTP/0.1.0`. */
  readonly userAgent: string;
}

/** The complaint as a mail: ARF (RFC 5965) with the two fields that make it actionable. CRLF. */
export function abuseMail(
  report: AbuseReport,
  { from, to, hostname, userAgent, now, id }: AbuseMailOptions,
): Buffer {
  const { identity, kid, domain, authenticationResults, sourceAddress, arrivalDate, original } = report;
  const boundary = `=_${id}`;
  const eightBit = original.some((octet) => octet > 127);
  const part = eightBit ? ["Content-Transfer-Encoding: 8bit"] : [];
  const head = [
    `From: Abuse reports <${from}>`,
    `To: <${to}>`,
    "Subject: Spam by",
    ` ${identity}`,
    `Date: ${formatMailDate(now)}`,
    `Message-ID: <${id}@${hostname}>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=feedback-report;\r\n boundary="${boundary}"`,
    ...part,
    "",
    `--${boundary}`,
    "Content-Type: text/plain; charset=us-ascii",
    "",
    "A user here complains about the attached message. It was signed by",
    `  ${identity}`,
    "with the key",
    `  ${kid}`,
    `and the signature was good when ${hostname} took it: whoever can use`,
    "this account sent it. Its signature field proves that to you, too.",
    "",
    `--${boundary}`,
    "Content-Type: message/feedback-report",
    "",
    "Feedback-Type: abuse",
    `User-Agent: ${userAgent}`,
    "Version: 1",
    `Reporting-MTA: dns; ${hostname}`,
    ...(sourceAddress === null ? [] : [`Source-IP: ${sourceAddress}`]),
    ...(arrivalDate === null ? [] : [`Arrival-Date: ${arrivalDate}`]),
    `Reported-Domain: ${domain}`,
    `Authentication-Results: ${authenticationResults}`,
    `VSMTP-Identity: ${identity}`,
    `VSMTP-Key-Id: ${kid}`,
    "",
    `--${boundary}`,
    // RFC 5965 §2 (d)
    `Content-Type: ${report.whole ? "message/rfc822" : "text/rfc822-headers"}`,
    ...part,
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(head), original, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}
