import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHeader } from "./header.ts";
import { applyEdits } from "./header-edits.ts";

test("edits change what they name, by position, and nothing else", () => {
  const header = parseHeader(Buffer.from("A: 1\r\nb:2\r\n\tmore\r\nA: 3\r\nC: 4\r\n"));
  const [, b, second, c] = header.fields;
  assert.ok(b && second && c);
  const edited = applyEdits(header, [
    { kind: "prepend", octets: Buffer.from("Lower: x\r\n") },
    { kind: "remove", field: second },
    { kind: "replace", field: c, value: Buffer.from(" new\r\n") },
    { kind: "prepend", octets: Buffer.from("Upper: y\r\n") },
    { kind: "replace", field: b, value: Buffer.from("\r\n shorter\r\n") },
  ]);
  assert.equal(edited.toString(), "Upper: y\r\nLower: x\r\nA: 1\r\nb:\r\n shorter\r\nC: new\r\n");
  assert.equal(applyEdits(header, []), header.octets);
});
