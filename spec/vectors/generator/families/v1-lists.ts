// V1, tag grammar: covered names, recipients, flags.
import { boundTo, CORE, signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, PERMERROR, verifyCase } from "../verify-case.ts";
import { tags } from "./v1-field-case.ts";

const people = (count: number): string[] => Array.from({ length: count }, (_, one) => `user${one}@dest.tld`);

export const lists: readonly Case[] = [
  tags(
    "covered-names-folded",
    ["SIG-16", "SIG-25"],
    "FWS may stand around the colons of h; it is signed as it stands in canonical form.",
    { h: CORE.replaceAll(":", " :\r\n\t ") },
    PASS,
  ),
  verifyCase({
    name: "covered-names-respaced-in-transit",
    requirements: ["SIG-25"],
    about:
      "White space inside h is signed: to put some where none was changes the canonical form of the field.",
    message: signed(mail()).replace("from:sender:", "from: sender:"),
    expected: fail("signature"),
  }),
  tags(
    "covered-names-in-another-order",
    ["SIG-16", "SIG-44"],
    "h is a set of names in any order.",
    { h: CORE.split(":").toReversed().join(":") },
    PASS,
  ),
  tags(
    "covered-names-more-than-core",
    ["SIG-16"],
    "h may name more than the core set.",
    { h: `${CORE}:list-unsubscribe:x-anything` },
    PASS,
  ),
  ...CORE.split(":").map((core) =>
    tags(
      `core-field-not-covered-${core}`,
      ["SIG-16", "SIG-41"],
      `h must name every field of the core set; ${core} is missing.`,
      {
        h: CORE.split(":")
          .filter((one) => one !== core)
          .join(":"),
      },
      PERMERROR,
    ),
  ),
  tags(
    "covered-name-twice",
    ["SIG-4", "SIG-44"],
    "No name is repeated in h.",
    { h: `${CORE}:from` },
    PERMERROR,
  ),
  tags(
    "covered-name-upper-case",
    ["SIG-1"],
    "Names in h are lower case.",
    { h: CORE.replace("from", "From") },
    PERMERROR,
  ),
  tags(
    "covered-name-empty",
    ["SIG-1"],
    "Between two colons a name must stand.",
    { h: CORE.replace(":", "::") },
    PERMERROR,
  ),
  tags(
    "covered-names-end-with-colon",
    ["SIG-1"],
    "Behind the last colon a name must stand.",
    { h: `${CORE}:` },
    PERMERROR,
  ),
  tags("covered-names-are-empty", ["SIG-1"], "An empty h covers nothing.", { h: "" }, PERMERROR),
  tags(
    "signature-field-covered",
    ["SIG-46"],
    "h must not name vsmtp-signature.",
    { h: `${CORE}:vsmtp-signature` },
    PERMERROR,
  ),
  tags(
    "trace-field-covered",
    ["SIG-49"],
    "Signers must not list trace fields, verifiers accept it.",
    { h: `${CORE}:received` },
    PASS,
  ),
  tags("salt-alone", ["SIG-18"], "r is a salt and at least one hash.", { r: boundTo([]) }, PERMERROR),
  tags("recipients-empty", ["SIG-18"], "An empty r is no rlist.", { r: "" }, PERMERROR),
  tags("recipients-33", ["SIG-18"], "r holds at most 32 hashes.", { r: boundTo(people(33)) }, PERMERROR),
  tags(
    "recipient-too-short",
    ["SIG-18"],
    "Each hash is an id16.",
    { r: `${boundTo(people(1))}:AAAA` },
    PERMERROR,
  ),
  tags(
    "recipient-unused-bits",
    ["SIG-18"],
    "The unused bits of an id16 are zero, in the salt as well.",
    { r: boundTo(people(1)).replace("Dw:", "Dx:") },
    PERMERROR,
  ),
  verifyCase({
    name: "recipients-32-folded",
    requirements: ["SIG-18", "VER-14"],
    about: "32 hashes with FWS around the colons; the last of them is this transaction's recipient.",
    message: signed(mail(), { tags: { r: boundTo(people(32)).replaceAll(":", " :\r\n ") } }),
    recipients: ["user31@dest.tld"],
    expected: { ...PASS, rcpt: "match" },
  }),
  tags("flag-unknown", ["SIG-24"], "Unknown flags are ignored.", { f: "urgent:auto" }, PASS),
  verifyCase({
    name: "flag-in-upper-case",
    requirements: ["SIG-24"],
    about: "EXACT is an unknown flag and does not make a mismatch fail.",
    message: signed(mail(), { recipients: ["bob@dest.tld"], tags: { f: "EXACT" } }),
    recipients: ["carol@dest.tld"],
    expected: { ...PASS, rcpt: "mismatch" },
  }),
];
