import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyEdits, claimsAuthservId, fieldText, parseHeader } from "../message/index.ts";
import { type BorderEdits, borderEdits } from "./border-edits.ts";

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

function edited(octets: Uint8Array, edits: BorderEdits): Buffer {
  const header = parseHeader(octets);
  return applyEdits(header, borderEdits(header, edits));
}

interface Shown {
  readonly name: string;
  readonly octets: string;
  /** The border alone may write it. */
  readonly forged: boolean;
}

function fieldsOf(octets: Uint8Array): Shown[] {
  const header = parseHeader(octets);
  assert.equal(header.fault, null, Buffer.from(octets).toString());
  return header.fields.map((one) => ({
    name: one.name,
    octets: header.octets.toString("latin1", one.start, one.end),
    // Which values claim our id, message.test.ts tells.
    forged:
      ours.has(one.name) ||
      (one.name === "authentication-results" && claimsAuthservId(fieldText(header, one), authservId)),
  }));
}

test("what only the border may write goes, everything else stays octet for octet (REC-2)", () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.constantFrom(null, "[?]"), (fields, subjectPrefix) => {
      const before = Buffer.from(fields.join(""), "latin1");
      if (parseHeader(before).fault !== null) return; // a line that is too long came in as such
      const after = fieldsOf(edited(before, { authservIds: [authservId], ours, subjectPrefix }));
      const kept = fieldsOf(before).filter(({ forged }) => !forged);
      if (subjectPrefix === null) return assert.deepEqual(after, kept);
      const marked = kept.findIndex((one) => one.name === "subject");
      if (marked < 0) {
        assert.deepEqual(after, [{ name: "subject", octets: "Subject: [?]\r\n", forged: false }, ...kept]);
        return;
      }
      assert.match(after[marked]?.octets ?? "", /\[\?\]/);
      const words = (one: string | undefined) =>
        (one ?? "").replace(/^[^:]*:/, "").replaceAll(/[\s]|\[\?\]/g, "");
      assert.equal(words(after[marked]?.octets), words(kept[marked]?.octets));
      assert.deepEqual(after.toSpliced(marked, 1), kept.toSpliced(marked, 1));
    }),
    { numRuns: 500 },
  );
});

test("a header that has nothing of ours is the same octets, not a copy", () => {
  const header = parseHeader(Buffer.from("From: a@b.test\r\nSubject: x\r\n"));
  const edits = borderEdits(header, { authservIds: [authservId], ours, subjectPrefix: null });
  assert.equal(applyEdits(header, edits), header.octets);
});
