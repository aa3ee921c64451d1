// V9, canonical addresses: the local part.
import type { Case } from "../vector.ts";
import { bad, good } from "./v9-address-case.ts";

export const localParts: readonly Case[] = [
  good(["plain", ["ADR-1"], "Canonical already.", "allice@someisp.tld"], "allice@someisp.tld"),
  good(
    ["upper-case", ["ADR-1"], "ASCII A-Z become lower case on both sides.", "ALLICE@SomeISP.TLD"],
    "allice@someisp.tld",
  ),
  good(
    [
      "comments",
      ["ADR-1"],
      "Comments are dropped wherever they may stand, nested ones too.",
      "(a) allice (b (c) \\) d) @ (e) someisp . (f) tld (g)",
    ],
    "allice@someisp.tld",
  ),
  good(
    [
      "white-space-around-parts",
      ["ADR-1"],
      "So is white space (obsolete syntax).",
      " allice . b @ someisp . tld ",
    ],
    "allice.b@someisp.tld",
  ),
  good(["folded", ["ADR-1"], "So is folding.", "allice\r\n @someisp.tld"], "allice@someisp.tld"),
  good(
    ["quoted-needlessly", ["ADR-1"], "The local part is unquoted.", '"allice"@someisp.tld'],
    "allice@someisp.tld",
  ),
  good(
    ["quoted-in-part", ["ADR-1"], "Obsolete syntax: words with dots, some quoted.", 'al."li.ce"@someisp.tld'],
    "al.li.ce@someisp.tld",
  ),
  good(
    ["quoted-upper-case", ["ADR-1"], "What was quoted is lower-cased like the rest.", '"Allice"@someisp.tld'],
    "allice@someisp.tld",
  ),
  good(
    [
      "quoted-space",
      ["ADR-1", "ADR-2"],
      "A space is part of the local part and is encoded in i.",
      '"allice b"@someisp.tld',
    ],
    "allice b@someisp.tld",
    "allice%20b@someisp.tld",
  ),
  good(
    [
      "quoted-at-sign",
      ["ADR-1", "ADR-2"],
      "An at sign inside quotes belongs to the local part.",
      '"al@ice"@someisp.tld',
    ],
    "al@ice@someisp.tld",
    "al%40ice@someisp.tld",
  ),
  good(
    [
      "quoted-pairs",
      ["ADR-1", "ADR-2"],
      "A backslash quotes what follows it.",
      '"al\\"li\\\\ce\\x"@someisp.tld',
    ],
    'al"li\\cex@someisp.tld',
    "al%22li%5Ccex@someisp.tld",
  ),
  good(
    ["quoted-dots", ["ADR-1"], "Quotes allow what a dot-atom does not.", '".a..b."@someisp.tld'],
    ".a..b.@someisp.tld",
  ),
  good(
    [
      "quoted-comment-characters",
      ["ADR-1", "ADR-2"],
      "Parentheses inside quotes are no comment.",
      '"a(b)c"@someisp.tld',
    ],
    "a(b)c@someisp.tld",
    "a%28b%29c@someisp.tld",
  ),
  good(
    [
      "subaddress",
      ["ADR-2", "ADR-3"],
      "A subaddress is kept; the plus sign is encoded.",
      "allice+lists@someisp.tld",
    ],
    "allice+lists@someisp.tld",
    "allice%2Blists@someisp.tld",
  ),
  good(
    [
      "unreserved-characters",
      ["ADR-2"],
      "Letters, digits, hyphen, dot, underscore and tilde stand unencoded.",
      "a-z.A_9~@someisp.tld",
    ],
    "a-z.a_9~@someisp.tld",
  ),
  good(
    [
      "every-other-atom-character",
      ["ADR-2"],
      "All others are encoded, in upper-case hex.",
      "!#$%&'*+/=?^`{|}@someisp.tld",
    ],
    "!#$%&'*+/=?^`{|}@someisp.tld",
    "%21%23%24%25%26%27%2A%2B%2F%3D%3F%5E%60%7B%7C%7D@someisp.tld",
  ),
  good(
    [
      "percent-sign",
      ["ADR-2"],
      "A percent sign is a character like others before it is encoded.",
      "a%41@someisp.tld",
    ],
    "a%41@someisp.tld",
    "a%2541@someisp.tld",
  ),
  good(
    ["utf-8", ["ADR-1", "ADR-2"], "SMTPUTF8: each octet of the UTF-8 is encoded.", "j\u00f6rg@someisp.tld"],
    "j\u00f6rg@someisp.tld",
    "j%C3%B6rg@someisp.tld",
  ),
  good(
    ["utf-8-decomposed", ["ADR-1"], "NFC composes.", "jo\u0308rg@someisp.tld"],
    "j\u00f6rg@someisp.tld",
    "j%C3%B6rg@someisp.tld",
  ),
  good(
    ["utf-8-upper-case", ["ADR-1"], "Nothing but ASCII A-Z is lower-cased.", "J\u00d6RG@someisp.tld"],
    "j\u00d6rg@someisp.tld",
    "j%C3%96rg@someisp.tld",
  ),
  good(
    ["utf-8-compatibility-character", ["ADR-1"], "NFC, not NFKC: the ligature stays.", "\ufb01n@someisp.tld"],
    "\ufb01n@someisp.tld",
    "%EF%AC%81n@someisp.tld",
  ),
  good(
    ["utf-8-angstrom-sign", ["ADR-1"], "NFC replaces U+212B by U+00C5.", "\u212b@someisp.tld"],
    "\u00c5@someisp.tld",
    "%C3%85@someisp.tld",
  ),
  good(
    [
      "utf-8-kelvin-sign",
      ["ADR-1"],
      "NFC makes U+212A an ASCII K, which is lower-cased after it.",
      "\u212a@someisp.tld",
    ],
    "k@someisp.tld",
  ),
  good(
    ["utf-8-outside-the-basic-plane", ["ADR-2"], "Four octets.", "\u{1f600}@someisp.tld"],
    "\u{1f600}@someisp.tld",
    "%F0%9F%98%80@someisp.tld",
  ),
  good(
    ["utf-8-quoted", ["ADR-1"], "Unquoted, then NFC.", '"j\u00f6 rg"@someisp.tld'],
    "j\u00f6 rg@someisp.tld",
    "j%C3%B6%20rg@someisp.tld",
  ),
  good(
    ["local-part-of-64-octets", ["ADR-9"], "The longest.", `${"a".repeat(64)}@someisp.tld`],
    `${"a".repeat(64)}@someisp.tld`,
  ),
  bad(["local-part-of-65-octets", ["ADR-9"], "One too long.", `${"a".repeat(65)}@someisp.tld`], "ineligible"),
  good(
    [
      "local-part-of-64-octets-utf-8",
      ["ADR-9"],
      "Octets count, not characters: 32 of two octets.",
      `${"\u00f6".repeat(32)}@someisp.tld`,
    ],
    `${"\u00f6".repeat(32)}@someisp.tld`,
    `${"%C3%B6".repeat(32)}@someisp.tld`,
  ),
  bad(
    [
      "local-part-of-66-octets-utf-8",
      ["ADR-9"],
      "33 characters of two octets.",
      `${"\u00f6".repeat(33)}@someisp.tld`,
    ],
    "ineligible",
  ),
  good(
    [
      "local-part-of-64-octets-after-nfc",
      ["ADR-1", "ADR-9"],
      "The limit is that of the canonical form: 96 octets decomposed.",
      `${"o\u0308".repeat(32)}@someisp.tld`,
    ],
    `${"\u00f6".repeat(32)}@someisp.tld`,
    `${"%C3%B6".repeat(32)}@someisp.tld`,
  ),
  bad(
    [
      "local-part-empty",
      ["ADR-8"],
      "A quoted string may be empty; such an address is not eligible.",
      '""@someisp.tld',
    ],
    "ineligible",
  ),
  bad(["local-part-missing", ["ADR-8"], "Without quotes it does not parse.", "@someisp.tld"], "syntax"),
  bad(
    ["local-part-with-tab", ["ADR-12"], "HTAB is a control character, quoted or not.", '"a\tb"@someisp.tld'],
    "ineligible",
  ),
  bad(
    ["local-part-with-c1-control", ["ADR-12"], "U+0085 is a control character.", '"a\u0085b"@someisp.tld'],
    "ineligible",
  ),
  bad(["nul-at-the-end", ["ADR-12"], "No text may follow the domain.", "allice@someisp.tld\0"], "syntax"),
  bad(["local-part-begins-with-dot", ["ADR-1"], "Not a dot-atom.", ".allice@someisp.tld"], "syntax"),
  bad(["local-part-ends-with-dot", ["ADR-1"], "Not a dot-atom.", "allice.@someisp.tld"], "syntax"),
  bad(["local-part-with-two-dots", ["ADR-1"], "Not a dot-atom.", "all..ice@someisp.tld"], "syntax"),
  bad(["local-part-with-space", ["ADR-1"], "A space needs quotes.", "all ice@someisp.tld"], "syntax"),
  bad(
    [
      "two-at-signs",
      ["ADR-1"],
      "A second at sign needs quotes: never guess which one counts.",
      "a@evil.tld@someisp.tld",
    ],
    "syntax",
  ),
  bad(["quote-not-closed", ["ADR-1"], "A quoted string ends.", '"allice@someisp.tld'], "syntax"),
  bad(["comment-not-closed", ["ADR-1"], "So does a comment.", "allice(@someisp.tld"], "syntax"),
  bad(["no-domain", ["ADR-1"], "An address has a domain.", "allice"], "syntax"),
  bad(["domain-empty", ["ADR-13"], "An empty domain does not parse.", "allice@"], "syntax"),
];
