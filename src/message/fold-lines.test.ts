import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldList, foldLongLines, MAX_STEADY_LINE } from "./fold-lines.ts";

const words = fc.array(
  fc.tuple(
    fc.constantFrom(" ", "  ", "\t", "\r\n ", " \r\n\t"),
    fc.integer({ min: 1, max: 400 }).map((length) => "x".repeat(length)),
  ),
  { maxLength: 30 },
);
const flat = (text: string): string => text.replaceAll("\r\n", "");

test("MSG-20 lines that are too long are folded at white space, and nothing else changes", () => {
  fc.assert(
    fc.property(words, fc.integer({ min: 2, max: 60 }), (pieces, column) => {
      const value = `${pieces.flat().join("")}\r\n`;
      const folded = foldLongLines(value, column);
      const isLong = (text: string): boolean =>
        text.split("\r\n").some((line, at) => line.length + (at === 0 ? column : 0) > MAX_STEADY_LINE);
      if (folded === null) return assert.ok(!isLong(value));
      assert.ok(isLong(value) && !isLong(folded));
      assert.equal(flat(folded), flat(value));
      assert.doesNotMatch(folded, /\r\n[ \t]*\r\n/);
    }),
  );
});

test("a line without white space stays as it is", () => {
  assert.equal(foldLongLines(` ${"x".repeat(990)}\r\n`, 8), null);
  assert.equal(foldLongLines(`${" ".repeat(990)}\r\n`, 8), null);
});

test("lists are folded between their elements", () => {
  const elements = Array.from({ length: 9 }, (_, at) => `"Person, ${at}" <p${at}@dest.test>`);
  const lines = `To: ${foldList(elements, 4)}`.split("\r\n");
  assert.ok(lines.every((line) => line.length <= 78));
  assert.equal(lines.join(""), `To: ${elements.join(", ")}`);
});
