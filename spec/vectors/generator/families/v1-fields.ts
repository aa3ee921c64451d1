// V1, tag grammar: the field as a whole.

import { ALLICE } from "../reference/keys.ts";
import { oneTagALine, type Tags } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { PASS, PERMERROR } from "../verify-case.ts";
import { grammar } from "./v1-field-case.ts";

const oneLine = (between: string) => (tags: Tags) =>
  `VSMTP-Signature:${[["v", "1"], ...tags, ["b", ""]].map(([name, value]) => `${name}=${value}`).join(between)}`;
const unfoldedH = (tags: Tags): string => oneLine(";")(tags);

export const fields: readonly Case[] = [
  grammar("required-tags-only", ["SIG-1"], "v, a, i, k, t, x, h, bh and b are all a field needs.", {}, PASS),
  grammar(
    "every-optional-tag",
    ["SIG-9", "SIG-15", "SIG-19"],
    "n=0, c=relaxed and an empty f say what their absence says.",
    { tags: { n: "0", c: "relaxed", f: "" } },
    PASS,
  ),
  grammar(
    "tags-in-another-order",
    ["SIG-1", "SIG-2"],
    "Only v and b have a fixed place.",
    { write: (tags) => oneTagALine(tags.toReversed()) },
    PASS,
  ),
  grammar(
    "no-white-space-at-all",
    ["SIG-1"],
    "Every FWS of the grammar is optional.",
    { write: unfoldedH },
    PASS,
  ),
  grammar(
    "tabs-between-tags",
    ["SIG-1", "MSG-7"],
    "FWS may be HTAB; in canonical form it is one SP.",
    { write: oneLine(";\t\t") },
    PASS,
  ),
  grammar(
    "fold-before-version",
    ["SIG-1"],
    "The field's value may begin on a continuation line.",
    { write: (tags) => oneTagALine(tags).replace(": v=1", ":\r\n v=1") },
    PASS,
  ),
  grammar(
    "white-space-around-every-value",
    ["SIG-3"],
    "FWS around a value is ignored.",
    { write: (tags) => oneLine("\r\n ; ")(tags.map(([name, value]) => [name, `\r\n  ${value}`])) },
    PASS,
  ),
  grammar(
    "white-space-before-equals-sign",
    ["SIG-1", "SIG-4"],
    "A tag is name, equals sign, value: nothing may stand between the first two.",
    { write: (tags) => oneTagALine(tags).replace("a=ed", "a =ed") },
    PERMERROR,
  ),
  grammar(
    "empty-tag",
    ["SIG-4"],
    "Two semicolons enclose no tag.",
    {
      write: (tags) => oneTagALine(tags).replace(" h=", "; h="),
    },
    PERMERROR,
  ),
  grammar(
    "tag-without-equals-sign",
    ["SIG-4"],
    "A bare word is no tag.",
    {
      write: (tags) => oneTagALine(tags).replace(" b=", " word; b="),
    },
    PERMERROR,
  ),
  grammar(
    "b-not-last",
    ["SIG-2"],
    "Nothing but b may be last.",
    {
      b: (text) => `${text}; z=1`,
    },
    PERMERROR,
  ),
  grammar(
    "semicolon-after-b",
    ["SIG-2"],
    "Nothing at all may follow b, not even a semicolon.",
    {
      b: (text) => `${text};`,
    },
    PERMERROR,
  ),
  grammar(
    "duplicate-i",
    ["SIG-4"],
    "The same tag twice, even with the same value, is a syntax error.",
    {
      write: (tags) => oneTagALine(tags).replace(" k=", ` i=${ALLICE.identity}; k=`),
    },
    PERMERROR,
  ),
  grammar(
    "duplicate-v",
    ["SIG-4"],
    "v is a tag like others: it stands once.",
    {
      write: (tags) => oneTagALine(tags).replace(" a=", " v=1; a="),
    },
    PERMERROR,
  ),
  grammar(
    "duplicate-unknown-tag",
    ["SIG-4"],
    "Unknown tags are ignored, their duplicates are not.",
    {
      write: (tags) => oneTagALine(tags).replace(" b=", " z=1; z=1; b="),
    },
    PERMERROR,
  ),
  ...["a", "i", "k", "t", "x", "h", "bh"].map((name) =>
    grammar(
      `missing-${name}`,
      ["SIG-4"],
      `${name} is a required tag.`,
      {
        tags: { [name]: null },
      },
      PERMERROR,
    ),
  ),
  grammar(
    "missing-b",
    ["SIG-2", "SIG-4"],
    "Without b there is no signature.",
    {
      write: (tags) => `${oneTagALine(tags).replace(/;\r\n b=$/, "")}`,
      b: () => "",
    },
    PERMERROR,
  ),
];
