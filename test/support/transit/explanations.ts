import type { Change } from "./changes.ts";
import type { Signing } from "./transit-signer.ts";

/** Why a server changes something, or why it still does. */
interface Explanation {
  readonly hops: readonly string[];
  readonly where: RegExp;
  readonly how: RegExp;
  readonly why: string;
}

const addresses = /^(?:from|sender|reply-to|to|cc)$/;
const mimeFields = /^(?:content-transfer-encoding|content-type|mime-version)$/;

/** What is lost even of messages that a submission server signed. */
const ofSubmitted: readonly Explanation[] = [
  {
    hops: ["Sendmail", "Haraka"],
    where: /./,
    how: /^long word/,
    why: "A word of more than 980 octets, in a line that these servers break at 990: it cannot be folded.",
  },
  {
    hops: ["Haraka"],
    where: /./,
    how: /above 127/,
    why: "Octets above 127 in the header that are no UTF-8, against all standards: Haraka reads them as UTF-8.",
  },
  {
    hops: ["Sendmail"],
    where: /^body$/,
    how: /^MIME/,
    why:
      "Broken MIME: multiparts without an end, with one delimiter for two, or with 8 bits behind their end. To bound the headers of " +
      "parts (`MaxMimeHeaderLength`, off by `0/0`) Sendmail reads every body as MIME, and writes delimiters that it misses.",
  },
  {
    hops: ["Sendmail", "Postfix"],
    where: /^body$/,
    how: /^encoded anew|^MIME/,
    why:
      "Parts in 8 bits that are not converted before they are signed, since their author signed them or their MIME is broken " +
      "(MSG-18): they are here, where the next server does not offer 8BITMIME. What is in 8 bits behind the end of a multipart " +
      "Sendmail makes 7-bit in any case, by clearing the eighth.",
  },
  {
    hops: ["Sendmail", "Postfix"],
    where: mimeFields,
    how: /./,
    why: "The labels of such parts.",
  },
];

/** What is lost of messages that were signed as they were. */
const ofAsItIs: readonly Explanation[] = [
  {
    hops: ["Sendmail", "OpenSMTPD", "Haraka"],
    where: /^(?:date|message-id)$/,
    how: /added|rewritten/,
    why: "A missing or empty Date or Message-ID is filled in. A submission server does so before it signs (SUB-4).",
  },
  {
    hops: ["Sendmail", "OpenSMTPD"],
    where: addresses,
    how: /^(?!long word)/,
    why: "Address fields are written anew. A submission server writes them so before it signs (MSG-20).",
  },
  {
    hops: ["Sendmail", "Haraka"],
    where: /./,
    how: /^long line/,
    why: "Lines of more than 990 octets are broken. A submission server folds or encodes them before it signs (MSG-20).",
  },
  {
    hops: ["Sendmail", "Postfix"],
    where: /^body$/,
    how: /^encoded anew/,
    why:
      "What is in 8 bits is converted, where the next server does not offer 8BITMIME. A submission server does so before it " +
      "signs, as far as it may (MSG-16).",
  },
  ...ofSubmitted,
];

/** What is known of a change; null: nothing. */
export function explanationOf(signing: Signing, hop: string, change: Change): string | null {
  const known = signing === "submitted" ? ofSubmitted : ofAsItIs;
  const found = known.find(
    ({ hops, where, how }) => hops.includes(hop) && where.test(change.where) && how.test(change.how),
  );
  return found?.why ?? null;
}
