// V3, body canonicalization. Canonical forms are written out by hand; the reference must agree.
import { base64, canonicalBody, utf8 } from "../reference/canonical.ts";
import { sha256 } from "../reference/hashes.ts";
import { signed } from "../reference/signature-field.ts";
import { type Case, mustEqual } from "../vector.ts";
import { BODY, fail, mail, PASS, verifyCase } from "../verify-case.ts";

function body(
  name: string,
  requirements: readonly string[],
  about: string,
  octets: string,
  canonical: string,
): Case {
  mustEqual(canonicalBody(octets), canonical, name);
  return {
    name,
    kind: "canonical-body",
    requirements,
    about,
    input: { body: base64(octets) },
    expected: { canonical: base64(canonical), bodyHash: base64(sha256(canonical)) },
  };
}

function transit(
  name: string,
  about: string,
  changed: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  const message = signed(mail()).replace(BODY, changed);
  return verifyCase({ name, requirements: ["MSG-11", "SIG-17"], about, message, expected });
}

const longLine = "x".repeat(998);

export const bodyCanonicalization: readonly Case[] = [
  body("no-octets", ["MSG-12"], "An empty body hashes zero octets.", "", ""),
  body(
    "one-empty-line",
    ["MSG-11", "MSG-12"],
    "Empty lines at the end are dropped; nothing is left, and nothing gets no CRLF.",
    "\r\n",
    "",
  ),
  body("only-empty-lines", ["MSG-11", "MSG-12"], "Any number of them.", "\r\n".repeat(5), ""),
  body(
    "only-white-space",
    ["MSG-11", "MSG-12"],
    "Lines of white space are empty once it is stripped.",
    " \r\n\t\t\r\n  ",
    "",
  ),
  body("one-line", ["MSG-11"], "A body in canonical form stays as it is.", "Hi\r\n", "Hi\r\n"),
  body(
    "no-final-crlf",
    ["MSG-11", "MSG-14"],
    "The last line is treated as if it had its CRLF.",
    "Hi",
    "Hi\r\n",
  ),
  body(
    "no-final-crlf-behind-white-space",
    ["MSG-11", "MSG-14"],
    "Its trailing white space is stripped all the same.",
    "Hi \t",
    "Hi\r\n",
  ),
  body("empty-lines-at-the-end", ["MSG-11"], "They are dropped.", "Hi\r\n\r\n\r\n", "Hi\r\n"),
  body(
    "white-space-lines-at-the-end",
    ["MSG-11"],
    "Lines of white space at the end are dropped, the last one without CRLF too.",
    "Hi\r\n \r\n\t\r\n ",
    "Hi\r\n",
  ),
  body(
    "empty-lines-inside",
    ["MSG-11"],
    "Empty lines elsewhere stay.",
    "\r\n\r\nHi\r\n\r\n\r\nBob\r\n",
    "\r\n\r\nHi\r\n\r\n\r\nBob\r\n",
  ),
  body(
    "white-space-line-inside",
    ["MSG-11"],
    "A line of white space elsewhere becomes an empty line.",
    "Hi\r\n \t \r\nBob\r\n",
    "Hi\r\n\r\nBob\r\n",
  ),
  body(
    "trailing-white-space",
    ["MSG-11"],
    "It is stripped on each line.",
    "Hi \r\nBob\t\r\n",
    "Hi\r\nBob\r\n",
  ),
  body("runs-of-white-space", ["MSG-11"], "Each run becomes one SP.", "a  b\tc \t d\r\n", "a b c d\r\n"),
  body(
    "leading-white-space",
    ["MSG-11"],
    "A run at the beginning of a line becomes one SP; it is not stripped.",
    "   Hi\r\n\tBob\r\n",
    " Hi\r\n Bob\r\n",
  ),
  body("one-character", ["MSG-11"], "The smallest body with something in it.", "x", "x\r\n"),
  body(
    "utf-8",
    ["MSG-11", "MSG-8"],
    "Octets above 127 pass unchanged.",
    utf8("gr\u00fc\u00df  Gott \r\n"),
    utf8("gr\u00fc\u00df Gott\r\n"),
  ),
  body(
    "no-break-space",
    ["MSG-11"],
    "U+00A0 is not WSP: it is neither stripped nor does it make a line empty.",
    "\xc2\xa0 \r\n\xa0\r\n",
    "\xc2\xa0\r\n\xa0\r\n",
  ),
  body(
    "vertical-tab-and-form-feed",
    ["MSG-11"],
    "VT and FF are not WSP.",
    "a\x0b \x0c\r\n",
    "a\x0b \x0c\r\n",
  ),
  body(
    "lines-of-dots",
    ["MSG-11"],
    "Dots are not SMTP's here: the body is what stood before dot-stuffing.",
    ".\r\n..\r\n. \r\n",
    ".\r\n..\r\n.\r\n",
  ),
  body(
    "line-of-998-octets",
    ["MSG-4", "MSG-11"],
    "A line may have 998 octets beside its CRLF.",
    `${longLine}\r\n`,
    `${longLine}\r\n`,
  ),
  body(
    "white-space-across-64-kib",
    ["MSG-11"],
    "A body larger than any buffer, with a run of white space on each of its lines.",
    `${"a \t b \r\n".repeat(10000)}\r\n`,
    "a b\r\n".repeat(10000),
  ),
  verifyCase({
    name: "message-without-empty-line",
    requirements: ["MSG-13", "MSG-12"],
    about: "Without an empty line the whole message is header and the body is empty.",
    message: signed(mail({}, "").slice(0, -2)),
    expected: PASS,
  }),
  verifyCase({
    name: "header-without-final-crlf",
    requirements: ["MSG-13", "MSG-14"],
    about:
      "A message that ends within its last header line has an empty body; the line counts as if it had its CRLF.",
    message: signed(mail({}, "").slice(0, -4)),
    expected: PASS,
  }),
  verifyCase({
    name: "empty-body",
    requirements: ["MSG-12"],
    about: "An empty line and nothing behind it.",
    message: signed(mail({}, "")),
    expected: PASS,
  }),
  transit(
    "white-space-at-line-ends-added-in-transit",
    "Trailing white space is not covered.",
    BODY.replaceAll("\r\n", " \t\r\n"),
    PASS,
  ),
  transit(
    "empty-lines-added-at-the-end-in-transit",
    "Empty lines at the end are not covered.",
    `${BODY}\r\n\r\n`,
    PASS,
  ),
  transit("final-crlf-lost-in-transit", "Neither is the final CRLF.", BODY.slice(0, -2), PASS),
  transit(
    "line-inserted-in-transit",
    "An empty line that is not at the end is covered.",
    BODY.replace("Noon", "\r\nNoon"),
    fail("body"),
  ),
  transit(
    "space-inserted-in-transit",
    "So is white space where there was none.",
    BODY.replace("Noon", " Noon"),
    fail("body"),
  ),
  transit(
    "footer-added-in-transit",
    "A list's footer breaks the body hash.",
    `${BODY}--\r\nlist footer\r\n`,
    fail("body"),
  ),
  transit(
    "body-cut-off-in-transit",
    "There is no body-length tag: what is missing is noticed.",
    BODY.slice(0, 9),
    fail("body"),
  ),
];
