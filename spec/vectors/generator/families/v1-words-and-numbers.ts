// V1, tag grammar: levels, algorithms, key ids, times.
import { ALLICE } from "../reference/keys.ts";
import { signed, T } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, PERMERROR, verifyCase } from "../verify-case.ts";
import { tags } from "./v1-field-case.ts";

function times(
  name: string,
  requirements: readonly string[],
  about: string,
  [t, x, now]: readonly [string, string, number],
  expected: Readonly<Record<string, unknown>>,
): Case {
  const validity = { nb: "0", na: "999999999999", iat: `${now}` };
  return verifyCase({
    name,
    requirements,
    about,
    message: signed(mail(), { tags: { t, x } }),
    now,
    statements: [statement(ALLICE, { tags: validity })],
    expected,
  });
}

export const wordsAndNumbers: readonly Case[] = [
  tags(
    "level-8",
    ["SIG-9", "SIG-27"],
    "n goes to 7; a level that cannot be read is none, and no level 0 is left.",
    { n: "8" },
    PERMERROR,
  ),
  tags(
    "level-with-leading-zero",
    ["SIG-9", "SIG-21"],
    "Numbers have no leading zeros.",
    { n: "00" },
    PERMERROR,
  ),
  tags("level-empty", ["SIG-9", "SIG-27"], "An empty n is no level.", { n: "" }, PERMERROR),
  tags(
    "algorithm-unknown",
    ["SIG-10", "SIG-36"],
    "An unsupported algorithm makes the only signature unusable.",
    { a: "ed448-shake256" },
    PERMERROR,
  ),
  tags(
    "algorithm-upper-case",
    ["SIG-10", "SIG-36"],
    "Algorithm names are compared as they stand.",
    { a: "ED25519-SHA256" },
    PERMERROR,
  ),
  tags("canonicalization-simple", ["SIG-15"], "relaxed is the only value of c.", { c: "simple" }, PERMERROR),
  tags(
    "key-id-too-short",
    ["SIG-12"],
    "An id16 has 22 characters.",
    { k: ALLICE.kid.slice(0, 21) },
    PERMERROR,
  ),
  tags("key-id-too-long", ["SIG-12"], "An id16 has 22 characters.", { k: `${ALLICE.kid}A` }, PERMERROR),
  tags("key-id-padded", ["SIG-12"], "An id16 is unpadded.", { k: `${ALLICE.kid}==` }, PERMERROR),
  tags(
    "key-id-unused-bits",
    ["SIG-12"],
    "The four unused bits of an id16 are zero; this one differs from the right one in them only.",
    { k: ALLICE.kid.replace(/g$/, "h") },
    PERMERROR,
  ),
  tags(
    "key-id-of-plain-base64",
    ["SIG-12"],
    "An id16 is base64url: no plus sign or slash.",
    { k: "+/+/+/+/+/+/+/+/+/+/+A" },
    PERMERROR,
  ),
  times(
    "lifetime-of-14-days",
    ["SIG-13"],
    "x-t = 1209600 is the longest lifetime.",
    [`${T}`, `${T + 1209600}`, T],
    PASS,
  ),
  times(
    "lifetime-of-14-days-and-a-second",
    ["SIG-13", "SIG-31"],
    "x-t = 1209601 is a syntax error.",
    [`${T}`, `${T + 1209601}`, T],
    PERMERROR,
  ),
  times(
    "lifetime-of-one-second",
    ["SIG-13"],
    "x-t = 1 is the shortest lifetime.",
    [`${T}`, `${T + 1}`, T],
    PASS,
  ),
  times(
    "lifetime-of-zero",
    ["SIG-13", "SIG-31"],
    "x must be greater than t.",
    [`${T}`, `${T}`, T],
    PERMERROR,
  ),
  times(
    "lifetime-negative",
    ["SIG-13", "SIG-31"],
    "x must be greater than t.",
    [`${T}`, `${T - 1}`, T],
    PERMERROR,
  ),
  times(
    "now-is-x",
    ["VER-3", "CCH-12"],
    "The signature is good up to and including x.",
    [`${T}`, `${T + 600}`, T + 600],
    PASS,
  ),
  times(
    "now-is-x-and-a-second",
    ["VER-3", "CCH-12"],
    "A second after x it has expired.",
    [`${T}`, `${T + 600}`, T + 601],
    fail("expired"),
  ),
  times(
    "t-300-seconds-ahead",
    ["VER-3", "SIG-32"],
    "t = now+300 is still allowed.",
    [`${T + 300}`, `${T + 900}`, T],
    PASS,
  ),
  times(
    "t-301-seconds-ahead",
    ["VER-3", "SIG-32"],
    "t = now+301 is fail expired.",
    [`${T + 301}`, `${T + 900}`, T],
    fail("expired"),
  ),
  times("t-is-zero", ["SIG-21"], "The number zero is written 0.", ["0", "600", 60], PASS),
  times(
    "time-of-12-digits",
    ["SIG-21"],
    "Numbers have at most 12 digits.",
    ["999999000000", "999999604800", 999999000060],
    PASS,
  ),
  times(
    "time-of-13-digits",
    ["SIG-21"],
    "A number of 13 digits is a syntax error.",
    ["1000000000000", "1000000604800", 1000000000060],
    PERMERROR,
  ),
  times(
    "time-with-leading-zero",
    ["SIG-21"],
    "Numbers have no leading zeros.",
    [`0${T}`, `${T + 600}`, T],
    PERMERROR,
  ),
  times("time-with-sign", ["SIG-21"], "A sign is no digit.", [`+${T}`, `${T + 600}`, T], PERMERROR),
  times("time-with-fraction", ["SIG-21"], "A time is whole seconds.", [`${T}.0`, `${T + 600}`, T], PERMERROR),
  times("time-not-a-number", ["SIG-21"], "x holds no number at all.", [`${T}`, "never", T], PERMERROR),
];
