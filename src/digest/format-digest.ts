import { decodeEncodedWords, formatMailDate, QuotedPrintableEncoder } from "../message/index.ts";
import type { QuarantinedMessage } from "../queue/index.ts";

export interface DigestOptions {
  /** Address in From. */
  readonly from: string;
  readonly recipient: string;
  /** This host's name. */
  readonly hostname: string;
  /** The day on which they came, Unix milliseconds of its beginning. */
  readonly day: number;
  /** Of all that came; `messages` may be the first of them. */
  readonly count: number;
  readonly now: number;
  /** Unique: for Message-ID. */
  readonly id: string;
  /** A verdict's reason, or its result where it has none, in plain words. */
  readonly reasonText: (reason: string) => string;
}

/** Strangers' words are cut. */
const MOST_CHARACTERS = 100;

/** What was kept from a recipient on one day: plain text, with nothing in it that a mail program would obey. */
export function formatDigest(messages: readonly QuarantinedMessage[], options: DigestOptions): Buffer {
  const { from, recipient, hostname, day, count, now, id } = options;
  const date = dateText(day);
  const encoder = new QuotedPrintableEncoder();
  const text = Buffer.from(`${textOf(messages, date, options).join("\r\n")}\r\n`);
  const head = [
    `From: Mail delivery <${from}>`,
    `To: <${recipient}>`,
    `Subject: Kept from you on ${date}: ${countText(count)}`,
    `Date: ${formatMailDate(now)}`,
    `Message-ID: <${id}@${hostname}>`,
    "Auto-Submitted: auto-generated", // RFC 3834 §5
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n")), encoder.write(text), encoder.finish()]);
}

function textOf(
  messages: readonly QuarantinedMessage[],
  date: string,
  { recipient, from, hostname, count, reasonText }: DigestOptions,
): string[] {
  const postmaster = `postmaster@${from.slice(from.lastIndexOf("@") + 1)}`;
  const more = count - messages.length;
  return [
    `${countText(count)} for ${recipient}`,
    `came on ${date} and ${count === 1 ? "is" : "are"} kept back, since it is not`,
    `certain who wrote ${count === 1 ? "it" : "them"}. After some time ${count === 1 ? "it is" : "they are"} deleted.`,
    "",
    "If you miss one of these, write to",
    `${postmaster} and name its number.`,
    "If you expected none of them, you need not do anything.",
    ...messages.flatMap(
      ({ id, enqueuedAt, quarantine: { from: author, subject, reason, result, until } }) => [
        "",
        id,
        `  from     ${shown(author)}`,
        `  subject  ${shown(subject)}`,
        `  came     ${minuteText(enqueuedAt)}, kept until ${minuteText(until).slice(0, 10)}`,
        `  because  ${reasonText(reason ?? result)} (VSMTP/${reason ?? result})`,
      ],
    ),
    ...(more > 0 ? ["", `And ${countText(more)} more.`] : []),
    "",
    `This is the mail system at ${hostname}.`,
  ];
}

function shown(text: string): string {
  const clean = decodeEncodedWords(text).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
  if (clean === "") return "(none)";
  return clean.length <= MOST_CHARACTERS ? clean : `${clean.slice(0, MOST_CHARACTERS).toWellFormed()}...`;
}

function countText(count: number): string {
  return `${count.toLocaleString("en-US")} message${count === 1 ? "" : "s"}`;
}

function dateText(ms: number): string {
  return new Date(ms).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}

function minuteText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
