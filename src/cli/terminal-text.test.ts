import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { shownJson, shownLine, shownText } from "./terminal-text.ts";

/** What a terminal may obey: C0 and C1 controls, DEL, and what turns text around. */
const obeyed = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
const hostile = fc.string({
  unit: fc.constantFrom("\x1b", "\x9b", "31m", "\u202e", "\x7f", "\r\n", '"', "\\", "é", "\u{1f600}"),
});

test("strangers' words move no cursor, as text, in a line or as JSON; programs read JSON as it was", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      for (const shown of [shownText(text), shownLine(text), shownJson({ text })]) {
        assert.doesNotMatch(shown, obeyed);
      }
      assert.doesNotMatch(shownLine(text) + shownJson({ text }), /[\r\n]/);
      assert.deepEqual(JSON.parse(shownJson({ text })), { text });
    }),
  );
});
