import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crlfLines } from "./index.ts";

async function linesOf(text: string, sizes: readonly number[] = []): Promise<string> {
  const octets = Buffer.from(text, "latin1");
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(octets.subarray(at, at + size));
    at += size;
  }
  chunks.push(octets.subarray(at));
  const made: Uint8Array[] = [];
  for await (const chunk of crlfLines(chunks)) made.push(chunk);
  return Buffer.concat(made).toString("latin1");
}

test("every line ends in CRLF, whatever ended it before", async () => {
  assert.equal(await linesOf("a\nb\r\nc\rd\n\n\re\r\r\n"), "a\r\nb\r\nc\r\nd\r\n\r\n\r\ne\r\n\r\n");
  assert.equal(await linesOf(""), "");
  assert.equal(await linesOf("a\r"), "a\r\n");
  assert.equal(await linesOf("no end"), "no end");
});

test("chunks of any size give the same, and what is right stays as it is", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n", "\r\n", "\u00e9"), maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat({ max: 7 }), { maxLength: 12 }), async (written, sizes) => {
      const expected = written.replace(/\r\n|\r|\n/g, "\r\n");
      assert.equal(await linesOf(written, sizes), expected);
      assert.equal(await linesOf(expected, sizes), expected);
    }),
  );
});
