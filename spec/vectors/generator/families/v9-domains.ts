// V9, canonical addresses: the domain.
import type { Case } from "../vector.ts";
import { bad, good } from "./v9-address-case.ts";

const label63 = "a".repeat(63);
/** 253 octets: three labels of 63, one of 61. */
const domain253 = [label63, label63, label63, "b".repeat(61)].join(".");

export const domains: readonly Case[] = [
  good(
    ["domain-of-one-label", ["ADR-7"], "One label alone is allowed.", "allice@localhost"],
    "allice@localhost",
  ),
  good(
    ["domain-of-digits", ["ADR-6"], "Digits are LDH, also as the last label.", "allice@123.456"],
    "allice@123.456",
  ),
  good(
    ["domain-label-of-63-octets", ["ADR-6"], "The longest label.", `allice@${label63}.tld`],
    `allice@${label63}.tld`,
  ),
  bad(["domain-label-of-64-octets", ["ADR-6"], "One too long.", `allice@${label63}a.tld`], "ineligible"),
  good(
    ["domain-of-253-octets", ["ADR-10"], "The longest domain.", `allice@${domain253}`],
    `allice@${domain253}`,
  ),
  bad(["domain-of-254-octets", ["ADR-10"], "One too long.", `allice@${domain253}b`], "ineligible"),
  bad(["domain-trailing-dot", ["ADR-13"], "A trailing dot does not parse.", "allice@someisp.tld."], "syntax"),
  bad(["domain-leading-dot", ["ADR-13"], "An empty label does not parse.", "allice@.someisp.tld"], "syntax"),
  bad(["domain-empty-label", ["ADR-13"], "An empty label does not parse.", "allice@someisp..tld"], "syntax"),
  bad(["domain-underscore", ["ADR-11"], "Underscores are ineligible.", "allice@some_isp.tld"], "ineligible"),
  bad(
    ["domain-label-begins-with-hyphen", ["ADR-6"], "Not an LDH label.", "allice@-someisp.tld"],
    "ineligible",
  ),
  bad(["domain-label-ends-with-hyphen", ["ADR-6"], "Not an LDH label.", "allice@someisp-.tld"], "ineligible"),
  bad(
    ["domain-percent-sign", ["ADR-6"], "An atom, but not an LDH label.", "allice@some%69sp.tld"],
    "ineligible",
  ),
  bad(["domain-slash", ["ADR-6"], "An atom, but not an LDH label.", "allice@someisp.tld/x"], "ineligible"),
  bad(["domain-quoted", ["ADR-1"], "A domain is not quoted.", 'allice@"someisp.tld"'], "syntax"),
  bad(["literal-ipv4", ["ADR-8"], "Address literals are ineligible.", "allice@[192.0.2.1]"], "ineligible"),
  bad(
    ["literal-ipv6", ["ADR-8"], "Address literals are ineligible.", "allice@[IPv6:2001:db8::1]"],
    "ineligible",
  ),
  bad(["literal-not-closed", ["ADR-8"], "A literal ends.", "allice@[192.0.2.1"], "syntax"),
  good(["idn", ["ADR-1"], "U-labels become A-labels.", "allice@b\u00fccher.tld"], "allice@xn--bcher-kva.tld"),
  good(
    ["idn-upper-case", ["ADR-1"], "UTS #46 maps to lower case first.", "allice@B\u00dcCHER.TLD"],
    "allice@xn--bcher-kva.tld",
  ),
  good(
    ["idn-decomposed", ["ADR-1"], "UTS #46 normalizes.", "allice@bu\u0308cher.tld"],
    "allice@xn--bcher-kva.tld",
  ),
  good(
    ["idn-sharp-s", ["ADR-1", "ADR-6"], "Non-transitional: the sharp s stays itself.", "allice@fa\u00df.tld"],
    "allice@xn--fa-hia.tld",
  ),
  good(
    [
      "idn-final-sigma",
      ["ADR-1", "ADR-6"],
      "Non-transitional: so does the final sigma.",
      "allice@\u03b2\u03cc\u03bb\u03bf\u03c2.tld",
    ],
    "allice@xn--nxasmm1c.tld",
  ),
  good(
    [
      "idn-full-width",
      ["ADR-1"],
      "UTS #46 maps full-width letters to ASCII.",
      "allice@\uff53\uff4f\uff4d\uff45isp.tld",
    ],
    "allice@someisp.tld",
  ),
  good(
    ["idn-ideographic-full-stop", ["ADR-1"], "UTS #46 maps U+3002 to a dot.", "allice@someisp\u3002tld"],
    "allice@someisp.tld",
  ),
  good(
    ["idn-soft-hyphen", ["ADR-1"], "UTS #46 ignores U+00AD.", "allice@some\u00adisp.tld"],
    "allice@someisp.tld",
  ),
  good(
    ["idn-in-every-label", ["ADR-1"], "Each label by itself.", "allice@\u4f8b\u3048.\u30c6\u30b9\u30c8"],
    "allice@xn--r8jz45g.xn--zckzah",
  ),
  good(
    ["a-label", ["ADR-6"], "An A-label is canonical.", "allice@xn--bcher-kva.tld"],
    "allice@xn--bcher-kva.tld",
  ),
  good(
    ["a-label-upper-case", ["ADR-1"], "Lower-cased like every domain.", "allice@XN--BCHER-KVA.tld"],
    "allice@xn--bcher-kva.tld",
  ),
  bad(["a-label-not-punycode", ["ADR-6"], "It does not decode.", "allice@xn--a-\u00e9.tld"], "ineligible"),
  bad(
    ["a-label-fake", ["ADR-6"], "It does not decode to a U-label.", "allice@xn--zzzzzzzz-.tld"],
    "ineligible",
  ),
  bad(
    [
      "a-label-of-ascii",
      ["ADR-6"],
      "It decodes to ASCII, which needs no A-label.",
      "allice@xn--someisp-.tld",
    ],
    "ineligible",
  ),
  bad(
    [
      "a-label-of-upper-case",
      ["ADR-6"],
      "It decodes to a capital U with diaeresis, which no U-label holds.",
      "allice@xn--bcher-2pa.tld",
    ],
    "ineligible",
  ),
  bad(
    [
      "idn-right-to-left-mixed",
      ["ADR-6"],
      "A label that mixes directions breaks the Bidi rule.",
      "allice@\u05d0a.tld",
    ],
    "ineligible",
  ),
  bad(
    [
      "idn-combining-mark-first",
      ["ADR-6"],
      "A label does not begin with a combining mark.",
      "allice@\u0301a.tld",
    ],
    "ineligible",
  ),
];
