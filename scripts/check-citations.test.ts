import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { checkCitations } from "./check-citations.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-citations-"));
after(() => rmSync(folder, { recursive: true }));
let trees = 0;

function problemsOf(files: Record<string, string>): string[] {
  const root = join(folder, String(trees++));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkCitations(root);
}

test("a requirement is cited by code or test, other names with numbers are no citations", () => {
  assert.deepEqual(
    problemsOf({
      "spec/signature.md":
        "**SIG-1** A signer MUST.\n- **SIG-2** One MAY, see **SIG-1**.\n\n**SIG-3** *(later)* Once.\n\n    **SIG-1** an example",
      "src/signature/sign.ts": "// SHA-256 and UTF-8 as SIG-1 says; ED25519-SHA256; X-SIG-9; SIG-1a",
      "test/a.test.ts": 'test("SIG-2: may");',
    }),
    [],
  );
});

test("a requirement that nothing cites", () => {
  assert.deepEqual(
    problemsOf({ "spec/a.md": "\n**SIG-1** MUST. SIG-1", "spec/vectors/generate.ts": "// SIG-1" }),
    ["spec/a.md:2: SIG-1 is cited by no code and no test; cite it where it is met, or mark it *(later)*"],
  );
});

test("a cited requirement that does not exist, in code or in the specification", () => {
  const files = {
    "spec/a.md": "**SIG-1** as SIG-7",
    "spec/vectors/v1/case.json": '{ "requirements": ["SIG-1", "SIG-8"] }',
    "src/a.ts": "// SIG-1\n// SIG-2",
  };
  assert.deepEqual(problemsOf(files), [
    "src/a.ts:2: SIG-2 is not defined in spec/; correct the number",
    "spec/a.md:1: SIG-7 is not defined in spec/; correct the number",
    "spec/vectors/v1/case.json:1: SIG-8 is not defined in spec/; correct the number",
  ]);
});

test("a later requirement that is cited", () => {
  assert.deepEqual(problemsOf({ "spec/a.md": "**KEY-1** *(later)* MUST", "src/a.ts": "// KEY-1" }), [
    "src/a.ts:1: KEY-1 is marked *(later)* in spec/, yet cited; remove the mark",
  ]);
});

test("a requirement defined twice", () => {
  assert.deepEqual(
    problemsOf({ "spec/a.md": "**KEY-1** x", "spec/b.md": "\n**KEY-1** y", "src/a.ts": "// KEY-1" }),
    ["spec/b.md:2: KEY-1 is already defined in spec/a.md:1; give it a number of its own"],
  );
});
