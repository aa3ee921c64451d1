import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeEncodedWords } from "./index.ts";

test("encoded words are read as their author meant them (RFC 2047)", () => {
  for (const [text, expected] of [
    ["Lunch?", "Lunch?"],
    ["=?iso-8859-1?q?this=20is=20some=20text?=", "this is some text"],
    ["=?ISO-8859-1?Q?Andr=E9?= Pirard <a@x.test>", "André Pirard <a@x.test>"],
    ["=?utf-8?B?TWl0dGFnZXNzZW4=?=", "Mittagessen"],
    ["=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"],
    ["(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"],
    ["=?ISO-8859-1?Q?a_?=\t =?UTF-8?Q?=C3=A4?= c", "a ä c"],
    // A character that is cut in two, and one that is not.
    ["=?utf-8?Q?=C3?= =?UTF-8?Q?=A4?=", "ä"],
    ["=?utf-8?Q?=C3?= x =?UTF-8?Q?=A4?=", "\u{fffd} x \u{fffd}"],
    ["=?x-unknown?Q?=C3=A4?= and =?utf-8?Q?=C3=A4?=", "=?x-unknown?Q?=C3=A4?= and ä"],
    ["=?koi8-r?B?8NLJ18XU?=", "Привет"],
    ["=?utf-8?X?abc?= =?utf-8?Q?a b?= =?=", "=?utf-8?X?abc?= =?utf-8?Q?a b?= =?="],
  ] as const) {
    assert.equal(decodeEncodedWords(text), expected, text);
  }
});

test("whatever a field holds, it is read in time that grows with its length", () => {
  const pieces = fc.constantFrom("=?", "?=", "utf-8", "?Q?", "?B?", "=C3", "_", " ", "\t", "ä", "x", "*de");
  const texts = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 40 }).map((some) => some.join("")),
  );
  fc.assert(fc.property(texts, (text) => typeof decodeEncodedWords(text) === "string"));
  for (const piece of ["=?utf-8?Q?", "=?", "?=", " ", "=?utf-8?Q?a?= ", "=?a"]) {
    const start = performance.now();
    decodeEncodedWords(piece.repeat(Math.ceil(50_000 / piece.length)));
    assert.ok(performance.now() - start < 1_000, piece);
  }
});
