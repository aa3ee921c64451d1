// V1, tag grammar: names of tags, unknown tags, versions.
import { oneTagALine, signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, PERMERROR, verifyCase } from "../verify-case.ts";
import { grammar } from "./v1-field-case.ts";

const good = signed(mail());
const field = good.slice(0, good.indexOf("\r\nFrom:") + 2);
/** `v=2` and the like before a good field, or alone. */
const foreign = (begin: string): string => field.replace("v=1", begin);

function raw(
  name: string,
  requirements: readonly string[],
  about: string,
  before: string,
  alone: boolean,
): Case {
  const message = alone ? before + mail() : before + good;
  const expected = alone ? PERMERROR : PASS;
  return verifyCase({ name, requirements, about, message, expected });
}

export const namesAndVersions: readonly Case[] = [
  grammar(
    "unknown-tag",
    ["SIG-5"],
    "An unknown tag is ignored.",
    { tags: { zz9: 'anything (at) "all" = 1' } },
    PASS,
  ),
  grammar(
    "unknown-tag-without-value",
    ["SIG-1", "SIG-5"],
    "A value may be empty.",
    { tags: { z: "" } },
    PASS,
  ),
  verifyCase({
    name: "unknown-tag-changed",
    requirements: ["SIG-5", "SIG-50"],
    about: "An unknown tag is ignored yet signed: to change it breaks the signature.",
    message: signed(mail(), { tags: { z: "1" } }).replace("z=1;", "z=2;"),
    expected: fail("signature"),
  }),
  grammar(
    "tag-name-of-ten",
    ["SIG-1"],
    "A name has at most ten characters.",
    { tags: { abcdefghi9: "1" } },
    PASS,
  ),
  grammar(
    "tag-name-of-eleven",
    ["SIG-1", "SIG-4"],
    "An eleventh character is too many.",
    {
      tags: { abcdefghi90: "1" },
    },
    PERMERROR,
  ),
  grammar(
    "tag-name-upper-case",
    ["SIG-1", "SIG-4"],
    "Names are lower case.",
    { tags: { Z: "1" } },
    PERMERROR,
  ),
  grammar(
    "tag-name-begins-with-digit",
    ["SIG-1", "SIG-4"],
    "Names begin with a letter.",
    {
      tags: { "1z": "1" },
    },
    PERMERROR,
  ),
  grammar(
    "tag-name-with-underscore",
    ["SIG-1", "SIG-4"],
    "Names are letters and digits.",
    {
      tags: { z_z: "1" },
    },
    PERMERROR,
  ),
  grammar(
    "octet-above-127-in-value",
    ["SIG-1", "SIG-4"],
    "Values are printable ASCII, also of unknown tags.",
    {
      tags: { z: "\xc3\xa9" },
    },
    PERMERROR,
  ),
  grammar(
    "control-character-in-value",
    ["SIG-1", "SIG-4"],
    "Values hold no control character.",
    {
      tags: { z: "a\x01b" },
    },
    PERMERROR,
  ),
  grammar(
    "delete-character-in-value",
    ["SIG-1", "SIG-4"],
    "DEL (127) is outside value.",
    {
      tags: { z: "a\x7fb" },
    },
    PERMERROR,
  ),
  grammar(
    "tilde-and-exclamation-in-value",
    ["SIG-1"],
    "The first and the last octet that value allows.",
    {
      tags: { z: "!~" },
    },
    PASS,
  ),
  raw(
    "space-inside-version",
    ["SIG-6", "SIG-7"],
    '"v= 1" is not the beginning that F1 asks for: the field is ignored.',
    foreign("v= 1"),
    false,
  ),
  raw(
    "version-upper-case",
    ["SIG-6", "SIG-7"],
    '"V=1" is ignored; the good field beside it counts.',
    foreign("V=1"),
    false,
  ),
  raw(
    "version-2-beside-version-1",
    ["SIG-6", "SIG-7"],
    "A later version does not harm the field that is understood.",
    foreign("v=2"),
    false,
  ),
  raw(
    "version-10-beside-version-1",
    ["SIG-6", "SIG-7"],
    '"v=10" begins with the characters v=1, yet is another version.',
    foreign("v=10"),
    false,
  ),
  raw(
    "version-not-first",
    ["SIG-2", "SIG-7"],
    "A field in which v is not first begins otherwise and is ignored.",
    foreign("a=ed25519-sha256; v=1").replace(/ a=ed25519-sha256;\r\n i=/, " i="),
    false,
  ),
  raw(
    "empty-field-beside-good-one",
    ["SIG-7"],
    "A field without anything in it begins otherwise than v=1.",
    "VSMTP-Signature:\r\n",
    false,
  ),
  raw(
    "version-1-and-nothing-else",
    ["SIG-4", "SIG-26"],
    "v=1 alone lacks every other tag: unusable, and nothing usable remains.",
    "VSMTP-Signature: v=1\r\n",
    true,
  ),
  verifyCase({
    name: "version-2-alone",
    requirements: ["SIG-59"],
    about:
      "The only signature field is ignored as if unknown: the message is as unsigned as without it (decision 0010).",
    message: foreign("v=2") + mail(),
    expected: { result: "none", reason: "unsigned", identity: null, kid: null },
  }),
  grammar(
    "white-space-after-version",
    ["SIG-3"],
    "FWS around a value is ignored, also around the 1 of v.",
    {
      write: (tags) => oneTagALine(tags).replace("v=1;", "v=1\r\n ;"),
    },
    PASS,
  ),
];
