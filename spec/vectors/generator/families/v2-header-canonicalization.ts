// V2, header canonicalization. Canonical forms are written out by hand; the reference must agree.
import { base64, canonicalField, utf8 } from "../reference/canonical.ts";
import { signed } from "../reference/signature-field.ts";
import { type Case, mustEqual } from "../vector.ts";
import { fail, mail, PASS, verifyCase } from "../verify-case.ts";

function field(
  name: string,
  requirements: readonly string[],
  about: string,
  octets: string,
  canonical: string,
): Case {
  mustEqual(canonicalField(octets), canonical, name);
  return {
    name,
    kind: "canonical-field",
    requirements,
    about,
    input: { field: base64(`${octets}\r\n`) },
    expected: { canonical: base64(canonical) },
  };
}

const unfoldedTo = "To: Bob <bob@dest.tld>";

export const headerCanonicalization: readonly Case[] = [
  field(
    "plain",
    ["MSG-7"],
    "Only the name and the space behind the colon change.",
    "Subject: Lunch?",
    "subject:Lunch?",
  ),
  field(
    "name-in-mixed-case",
    ["MSG-7"],
    "The name is lower-cased, the value is not.",
    "mESSAGE-iD: <A@B>",
    "message-id:<A@B>",
  ),
  field(
    "no-space-after-colon",
    ["MSG-7"],
    "White space behind the colon is optional.",
    "Subject:Lunch?",
    "subject:Lunch?",
  ),
  field(
    "space-before-colon",
    ["MSG-7", "MSG-9"],
    "White space before the colon is accepted and dropped.",
    "Subject : Lunch?",
    "subject:Lunch?",
  ),
  field("tabs-before-colon", ["MSG-7", "MSG-9"], "So are tabs.", "Subject\t \t: Lunch?", "subject:Lunch?"),
  field(
    "folded-with-space",
    ["MSG-7"],
    "Unfolding removes the CRLF; what follows it is white space already.",
    "Subject: Lunch\r\n today?",
    "subject:Lunch today?",
  ),
  field(
    "folded-with-tab",
    ["MSG-7"],
    "HTAB becomes SP.",
    "Subject: Lunch\r\n\ttoday?",
    "subject:Lunch today?",
  ),
  field(
    "folded-behind-space",
    ["MSG-7"],
    "Space before and behind the CRLF is one run.",
    "Subject: Lunch \t\r\n \t today?",
    "subject:Lunch today?",
  ),
  field(
    "folded-behind-colon",
    ["MSG-7"],
    "The value may begin on a continuation line.",
    "Subject:\r\n Lunch?",
    "subject:Lunch?",
  ),
  field(
    "folded-many-times",
    ["MSG-7"],
    "Each continuation line adds one space.",
    "To: a@x,\r\n b@x,\r\n  c@x,\r\n\td@x",
    "to:a@x, b@x, c@x, d@x",
  ),
  field(
    "runs-of-white-space",
    ["MSG-7"],
    "Each run of SP and HTAB becomes one SP.",
    "Subject: a  b\tc \t d",
    "subject:a b c d",
  ),
  field(
    "white-space-at-both-ends",
    ["MSG-7"],
    "The value is stripped at both ends.",
    "Subject:\t  Lunch? \t",
    "subject:Lunch?",
  ),
  field("empty-value", ["MSG-7"], "A field may be empty.", "Subject:", "subject:"),
  field("white-space-alone", ["MSG-7"], "A value of white space is empty.", "Subject: \t ", "subject:"),
  field(
    "continuation-of-white-space-in-the-middle",
    ["MSG-10"],
    "A continuation line of white space alone is part of its field.",
    "Subject: Lunch\r\n \t\r\n today?",
    "subject:Lunch today?",
  ),
  field(
    "continuation-of-white-space-at-the-end",
    ["MSG-10"],
    "At the end as well; its white space is stripped.",
    "Subject: Lunch?\r\n ",
    "subject:Lunch?",
  ),
  field(
    "value-with-colons",
    ["MSG-7"],
    "The first colon ends the name, others are value.",
    "X-Time: 12:00:00",
    "x-time:12:00:00",
  ),
  field(
    "name-of-odd-characters",
    ["MSG-7"],
    "Every printable ASCII character but the colon can be in a name; letters alone are lower-cased.",
    "X-!#$%&'*+/=?^_`{|}~[]@\\\"(),.;<>Z: 1",
    "x-!#$%&'*+/=?^_`{|}~[]@\\\"(),.;<>z:1",
  ),
  field(
    "utf-8",
    ["MSG-8"],
    "Octets above 127 pass unchanged, upper case too.",
    utf8("Subject: \u00c4RGER  \u00fcber"),
    utf8("subject:\u00c4RGER \u00fcber"),
  ),
  field(
    "utf-8-decomposed",
    ["MSG-8"],
    "There is no Unicode normalization.",
    utf8("Subject: e\u0301"),
    utf8("subject:e\u0301"),
  ),
  field(
    "octets-that-are-not-utf-8",
    ["MSG-8"],
    "Neither is there any check.",
    "Subject: \xff\xfe\x80",
    "subject:\xff\xfe\x80",
  ),
  field(
    "no-break-space",
    ["MSG-7", "MSG-8"],
    "U+00A0 is not WSP, neither as UTF-8 nor as one octet.",
    "Subject: \xc2\xa0\xa0  \xc2\xa0",
    "subject:\xc2\xa0\xa0 \xc2\xa0",
  ),
  field(
    "vertical-tab-and-form-feed",
    ["MSG-7"],
    "WSP is SP and HTAB; VT and FF are not.",
    "Subject: \x0b \x0c",
    "subject:\x0b \x0c",
  ),
  field(
    "control-characters",
    ["MSG-7"],
    "Other control characters pass as they are.",
    "Subject: \x01\x7f\x1b",
    "subject:\x01\x7f\x1b",
  ),
  verifyCase({
    name: "refolded-in-transit",
    requirements: ["MSG-7", "SIG-44"],
    about: "A relay may fold a field where white space was: the canonical form is the same.",
    message: signed(mail()).replace(unfoldedTo, "To: Bob\r\n\t<bob@dest.tld>"),
    expected: PASS,
  }),
  verifyCase({
    name: "names-recased-in-transit",
    requirements: ["MSG-7", "SIG-44"],
    about: "A relay may write field names in another case.",
    message: signed(mail()).replace("Message-ID:", "Message-Id:").replace("\r\nFrom:", "\r\nFROM :"),
    expected: PASS,
  }),
  verifyCase({
    name: "value-recased-in-transit",
    requirements: ["MSG-7", "SIG-44"],
    about: "A value's case is covered.",
    message: signed(mail()).replace("Lunch?", "lunch?"),
    expected: fail("signature"),
  }),
  verifyCase({
    name: "white-space-removed-in-transit",
    requirements: ["MSG-7", "SIG-44"],
    about: "A run of white space is one SP, but not none.",
    message: signed(mail()).replace("Mon, 05", "Mon,05"),
    expected: fail("signature"),
  }),
  verifyCase({
    name: "signature-field-refolded-in-transit",
    requirements: ["MSG-7", "SIG-50"],
    about: "The signature field itself is signed in canonical form; b is not part of it.",
    message: signed(mail()).replace("; a=", ";\r\n\t a=").replace(" b=", "  b=\r\n "),
    expected: PASS,
  }),
  verifyCase({
    name: "signature-field-name-recased-in-transit",
    requirements: ["MSG-7", "SIG-50"],
    about: "The name of the signature field is in any case, too.",
    message: signed(mail()).replace("VSMTP-Signature:", "vsmtp-SIGNATURE\t:"),
    expected: PASS,
  }),
];
