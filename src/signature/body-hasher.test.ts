import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BodyHasher } from "./body-hasher.ts";
import { cut } from "./test-messages.ts";

/** MSG-11's body rules, written as plainly as they read. */
function referenceBodyHash(body: Buffer): string {
  const lines = body
    .toString("latin1")
    .split("\r\n")
    .map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (lines.at(-1) === "") lines.pop();
  const canonical = lines.map((line) => `${line}\r\n`).join("");
  return createHash("sha256").update(canonical, "latin1").digest("hex");
}

function bodyHash(chunks: Uint8Array[]): string {
  const hasher = new BodyHasher();
  for (const chunk of chunks) hasher.write(chunk);
  return hasher.fault
    ? `${hasher.fault.kind}@${hasher.fault.offset}`
    : Buffer.from(hasher.finish(), "base64").toString("hex");
}

describe("body canonicalization (MSG-11)", () => {
  const piece = fc.constantFrom(
    "a",
    "bb",
    " ",
    "  ",
    "\t",
    "\r\n",
    "\r\n\r\n",
    " \r\n",
    "x".repeat(15),
    "y".repeat(33),
    "\x01",
    "é",
  );
  const body = fc.array(piece, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(""), "latin1"));

  it("agrees with a plain reading of the rules, in any chunks", () => {
    fc.assert(
      fc.property(body, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }), (octets, sizes) => {
        const expected = referenceBodyHash(octets);
        assert.equal(bodyHash([octets]), expected);
        assert.equal(bodyHash(cut(octets, sizes)), expected);
        assert.equal(bodyHash(cut(octets, [1])), expected);
      }),
      { numRuns: 1500 },
    );
  });

  it("drops empty lines at the end across slices, keeps those inside", () => {
    const many = Buffer.concat([
      Buffer.from("a\r\n"),
      Buffer.alloc(300_000, "\r\n"),
      Buffer.from("b\r\n"),
      Buffer.alloc(200_000, "\r\n"),
    ]);
    assert.equal(bodyHash([many]), referenceBodyHash(many));
  });

  const faults: [string, string][] = [
    ["ab\0c", "nul@2"],
    ["ab\ncd", "bare-lf@2"],
    ["\n", "bare-lf@0"],
    ["ab\rcd", "bare-cr@2"],
    ["ab\r\r\n", "bare-cr@2"],
    ["ab\r\n\r", "finish: bare-cr@4"],
    [`${"x".repeat(999)}\r\n`, "long-line@998"],
    [`a\r\n${"x".repeat(999)}`, "long-line@1001"],
    [`a\r\n${" x".repeat(600)}`, "long-line@1001"],
  ];
  for (const [text, expected] of faults) {
    it(`finds the fault in ${JSON.stringify(text.slice(0, 24))}, in any chunks`, () => {
      for (const sizes of [[], [1], [2], [3, 1], [16], [17], [998], [999]]) {
        const hasher = new BodyHasher();
        for (const chunk of cut(Buffer.from(text), sizes)) hasher.write(chunk);
        const before = hasher.fault;
        hasher.finish();
        const found = `${before ? "" : "finish: "}${hasher.fault?.kind}@${hasher.fault?.offset}`;
        assert.equal(found, expected, `chunks of ${sizes}`);
      }
    });
  }

  it("takes 998 octets a line, also across slices of 64 KiB", () => {
    const line = `${"x".repeat(998)}\r\n`;
    assert.equal(bodyHash([Buffer.from(line.repeat(200))]), referenceBodyHash(Buffer.from(line.repeat(200))));
  });
});

describe("memory", () => {
  it("verifies 1 GiB in a heap of 64 MiB", () => {
    const program = `
      import { MessageVerifier } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const verifier = new MessageVerifier();
      verifier.write(Buffer.from("From: a@x.tld\\r\\n\\r\\n"));
      const chunk = Buffer.alloc(65520, "A".repeat(76) + "\\r\\n");
      for (let octets = 0; octets < 2 ** 30; octets += chunk.length) verifier.write(chunk);
      if (verifier.finish().fault) process.exit(3);
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      if (heapUsed + arrayBuffers > 100 * 2 ** 20) process.exit(4);
    `;
    const args = ["--max-old-space-size=64", "--input-type=module", "-e", program];
    const child = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
    assert.equal(child.status, 0, child.stderr);
  });
});
