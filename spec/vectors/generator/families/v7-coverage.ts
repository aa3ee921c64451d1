// V7, coverage: covered fields altered, removed, added, duplicated.
import { CORE, signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { fail, mail, NONE, PASS, PERMERROR, verifyCase } from "../verify-case.ts";

/** Every core field once. */
const FULL: Readonly<Record<string, string>> = {
  "Reply-To": "allice@someisp.tld",
  Cc: "Carol <carol@third.tld>",
  "In-Reply-To": "<0@dest.tld>",
  References: "<0@dest.tld>",
  "MIME-Version": "1.0",
  "Content-Type": "text/plain; charset=utf-8",
  "Content-Transfer-Encoding": "8bit",
  "Content-Disposition": "inline",
};
const full = signed(mail(FULL));
const good = signed(mail());

function altered(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  if (message === good || message === full) throw new Error(`${name}: nothing was altered`);
  return verifyCase({ name, requirements, about, message, expected });
}

/** @param line a field with its CRLF, put behind the others */
const added = (line: string, to = good): string => to.replace("\r\n\r\n", `\r\n${line}\r\n`);

export const coverage: readonly Case[] = [
  verifyCase({
    name: "every-core-field",
    requirements: ["SIG-41"],
    about: "A message that has every core field but Sender.",
    message: full,
    expected: PASS,
  }),
  altered(
    "from-altered",
    ["SIG-44", "IDY-5"],
    "The identity is compared before the signature is verified.",
    good.replace("<allice@", "<mallory@"),
    fail("identity"),
  ),
  altered(
    "display-name-altered",
    ["SIG-44"],
    "All of From is covered, the display name too.",
    good.replace("From: Allice", "From: Your Bank"),
    fail("signature"),
  ),
  ...CORE.split(":")
    .filter((name) => !["from", "sender"].includes(name))
    .flatMap((name) => [
      altered(
        `${name}-removed`,
        ["SIG-41", "SIG-44"],
        "Removing a covered field breaks the signature.",
        full.replace(new RegExp(`\r\n${name}: .*(?=\r\n)`, "i"), ""),
        fail("signature"),
      ),
      altered(
        `${name}-duplicated`,
        ["SIG-42"],
        "Each core field occurs at most once.",
        added(`${name}: x\r\n`, full),
        PERMERROR,
      ),
    ]),
  ...[
    "reply-to",
    "cc",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
  ].map((name) =>
    altered(
      `${name}-added`,
      ["SIG-41", "SIG-44"],
      "Absence is covered: adding a core field breaks the signature.",
      added(`${name}: x\r\n`),
      fail("signature"),
    ),
  ),
  altered(
    "sender-added",
    ["SIG-44", "IDY-1", "IDY-5"],
    "Sender takes over responsibility: the identity is no longer the responsible one.",
    added("Sender: mallory@evil.tld\r\n"),
    fail("identity"),
  ),
  altered(
    "sender-added-with-the-same-address",
    ["SIG-44"],
    "The identity still fits, but the absence of Sender was covered.",
    added("Sender: allice@someisp.tld\r\n"),
    fail("signature"),
  ),
  altered(
    "from-twice",
    ["SIG-42"],
    "From occurs exactly once.",
    added("From: mallory@evil.tld\r\n"),
    PERMERROR,
  ),
  altered(
    "from-twice-first-place",
    ["SIG-42"],
    "Wherever the second one stands.",
    `From: mallory@evil.tld\r\n${good}`,
    PERMERROR,
  ),
  altered(
    "from-missing",
    ["SIG-42"],
    "From occurs exactly once, not less.",
    good.replace(/\r\nFrom: .*(?=\r\n)/, ""),
    PERMERROR,
  ),
  altered(
    "duplicate-in-another-case",
    ["SIG-42", "MSG-7"],
    "Names are compared in lower case.",
    added("SUBJECT : x\r\n"),
    PERMERROR,
  ),
  altered(
    "empty-core-field-added",
    ["SIG-44"],
    "An empty field is not an absent one.",
    added("Reply-To:\r\n"),
    fail("signature"),
  ),
  altered(
    "fields-in-another-order",
    ["SIG-44"],
    "Reordering fields of different names is harmless.",
    good.replace(/(To: .*\r\n)(Subject: .*\r\n)(Date: .*\r\n)/, "$3$1$2"),
    PASS,
  ),
  altered(
    "trace-fields-added",
    ["SIG-44"],
    "What h does not name may be added by relays.",
    `Return-Path: <x@y>\r\nReceived: from a by b; now\r\nDKIM-Signature: v=1; b=\r\nAuthentication-Results: mx; vsmtp=fail\r\n${good}`,
    PASS,
  ),
  altered(
    "unknown-field-added",
    ["SIG-44"],
    "So is any field that is not covered.",
    added("X-Spam-Status: No\r\n"),
    PASS,
  ),
  altered(
    "signature-field-below-others",
    ["SIG-50"],
    "The place of the field in the header does not matter.",
    good.replace(/^(VSMTP-Signature:(?:.*\r\n )*.*\r\n)((?:.*\r\n)*?)\r\n/, "$2$1\r\n"),
    PASS,
  ),
  altered(
    "extra-field-added",
    ["SIG-44"],
    "A name in h beyond the core set is covered in its absence.",
    added("List-Unsubscribe: <mailto:x@y>\r\n", signed(mail(), { tags: { h: `${CORE}:list-unsubscribe` } })),
    fail("signature"),
  ),
  altered(
    "extra-field-second-instance-added",
    ["SIG-44"],
    "All instances are covered: one more breaks the signature.",
    added("X-Tag: two\r\n", signed(mail({ "X-Tag": "one" }), { tags: { h: `${CORE}:x-tag` } })),
    fail("signature"),
  ),
  altered(
    "extra-fields-reordered",
    ["SIG-44"],
    "Reordering fields of the same name is not harmless.",
    signed(mail({ "X-Tag": "one", "x-tag": "two" }), { tags: { h: `${CORE}:x-tag` } }).replace(
      "X-Tag: one\r\nx-tag: two",
      "x-tag: two\r\nX-Tag: one",
    ),
    fail("signature"),
  ),
  verifyCase({
    name: "extra-fields-repeated",
    requirements: ["SIG-44"],
    about: "Names beyond the core set may occur more than once.",
    message: signed(mail({ "X-Tag": "one", "x-tag": "two" }), { tags: { h: `${CORE}:x-tag` } }),
    expected: PASS,
  }),
  altered(
    "body-and-header-altered",
    ["VER-4"],
    "The body hash is compared before the signature is verified.",
    good.replace("Noon", "Nine").replace("Lunch", "Dinner"),
    fail("body"),
  ),
  altered(
    "identity-and-body-altered",
    ["VER-3", "VER-4"],
    "The identity is compared before the body hash.",
    good.replace("Noon", "Nine").replace("<allice@", "<mallory@"),
    fail("identity"),
  ),
  altered("signature-removed", ["VER-1"], "Without a signature field the message is unsigned.", mail(), NONE),
  altered(
    "unsigned-with-two-from",
    ["VER-1"],
    "Structure is judged of signed messages only.",
    added("From: mallory@evil.tld\r\n", mail()),
    NONE,
  ),
];
