import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { convert } from "./test-conversion.ts";
import { brokenMessages, mimeMessages } from "./test-mime-trees.ts";

const program = join(import.meta.dirname, "../../../test/support/decode-leaves.py");
const missing = spawnSync("python3", ["--version"]).status === 0 ? false : "peer: python3 is not installed";

/** What Python's email package finds in each message. */
function readByPython(messages: readonly Buffer[]): string[] {
  const input = messages.map((message) => `${message.toString("base64")}\n`).join("");
  const { status, stdout, stderr } = spawnSync("python3", [program], {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split("\n");
}

test("MSG-16 Python's email package finds the same in a message before and after", {
  skip: missing,
}, async () => {
  const messages = [...fc.sample(mimeMessages, 400), ...fc.sample(brokenMessages, 800)];
  const converted = await Promise.all(messages.map((message) => convert(message)));
  const [before, after] = [readByPython(messages), readByPython(converted)];
  assert.equal(before.length, messages.length);
  let changed = 0;
  for (const [index, message] of messages.entries()) {
    assert.equal(after[index], before[index], message.toString());
    if (converted[index]?.equals(message) === false) changed++;
  }
  assert.ok(changed > 200, `${changed} messages changed`);
});
