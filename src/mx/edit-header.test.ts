import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../message/index.ts";
import { editHeader } from "./edit-header.ts";

const ours = new Set(["x-vsmtp-flag", "x-spam-flag"]);
const authservId = "mx.dest.test";

const name = fc.constantFrom(
  "Subject",
  "subject",
  "X-VSMTP-Flag",
  "x-spam-FLAG",
  "X-Spam-Flags",
  "Authentication-Results",
  "From",
);
const text = fc.oneof(
  fc.constantFrom(
    "mx.dest.test; vsmtp=pass",
    " (c) MX.Dest.Test ; spf=pass",
    "mx.other.test; spf=pass",
    "",
    "[?]",
  ),
  fc.stringMatching(/^[ -~]{0,900}$/),
);
const value = fc.array(text, { minLength: 1, maxLength: 3 }).map((lines) => lines.join("\r\n\t"));
const field = fc
  .tuple(name, fc.constantFrom("", " ", "\t"), value)
  .map(([key, space, rest]) => `${key}:${space}${rest}\r\n`);

/** The fields as they stand, name and octets. */
function fieldsOf(octets: Uint8Array): { name: string; text: string }[] {
  const header = parseHeader(octets);
  assert.equal(header.fault, null, Buffer.from(octets).toString());
  return header.fields.map((one) => ({
    name: one.name,
    text: header.octets.toString("latin1", one.start, one.end),
  }));
}

const claimsUs = (one: string) => /^[^:]*:\s*(?:\(c\)\s*)?mx\.dest\.test/i.test(one);

test("what only the border may write goes, everything else stays octet for octet (REC-2)", () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.constantFrom(null, "[?]"), (fields, subjectPrefix) => {
      const before = Buffer.from(fields.join(""), "latin1");
      if (parseHeader(before).fault !== null) return; // a line that is too long came in as such
      const after = fieldsOf(editHeader(parseHeader(before), { authservId, ours, subjectPrefix }));
      const kept = fieldsOf(before).filter(
        (one) =>
          !ours.has(one.name) &&
          !(
            one.name === "authentication-results" &&
            (claimsUs(one.text) || /^[^:]*:[\s]*(?:$|[;()"])/.test(one.text))
          ),
      );
      if (subjectPrefix === null) return assert.deepEqual(after, kept);
      const marked = kept.findIndex((one) => one.name === "subject");
      if (marked < 0) {
        assert.deepEqual(after, [{ name: "subject", text: "Subject: [?]\r\n" }, ...kept]);
        return;
      }
      assert.match(after[marked]?.text ?? "", /\[\?\]/);
      const words = (one: string | undefined) =>
        (one ?? "").replace(/^[^:]*:/, "").replaceAll(/[\s]|\[\?\]/g, "");
      assert.equal(words(after[marked]?.text), words(kept[marked]?.text));
      assert.deepEqual(after.toSpliced(marked, 1), kept.toSpliced(marked, 1));
    }),
    { numRuns: 500 },
  );
});

test("a header that has nothing of ours is the same octets, not a copy", () => {
  const header = parseHeader(Buffer.from("From: a@b.test\r\nSubject: x\r\n"));
  assert.equal(editHeader(header, { authservId, ours, subjectPrefix: null }), header.octets);
});
