import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { openMemoryFile } from "./index.ts";

const isNumber = (value: unknown): value is number => typeof value === "number";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-memory-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function opened(path: string) {
  const failures: unknown[] = [];
  const file = openMemoryFile({ path, isEntry: isNumber, onFailure: (cause) => failures.push(cause) });
  return { file, failures };
}

test("the next process finds what was written last, also of very many", async (t) => {
  const path = join(folderOf(t), "memory.json");
  for (const count of [0, 1, 499, 500, 501, 2000]) {
    const entries = Array.from({ length: count }, (_, n) => n);
    const { file, failures } = opened(path);
    file.write(() => [7]);
    file.write(() => entries);
    await file.close();
    assert.deepEqual(opened(path).file.read(), entries);
    assert.deepEqual(failures, []);
  }
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dirname(path)), ["memory.json"]);
});

test("a file that is none, or holds something else, is as good as none", async (t) => {
  const path = join(folderOf(t), "memory.json");
  assert.deepEqual(opened(path).file.read(), []);
  for (const text of ["", "{", "null", "7", '{"form":2,"entries":[1]}', '{"form":1,"entries":{"0":1}}']) {
    writeFileSync(path, text);
    assert.deepEqual(opened(path).file.read(), [], text);
  }
  writeFileSync(path, '{"form":1,"entries":[null,{},"1",2]}');
  assert.deepEqual(opened(path).file.read(), [2]);
});

test("what cannot be written is told, and the file before it stays", async (t) => {
  const path = join(folderOf(t), "memory.json");
  const { file, failures } = opened(path);
  file.write(() => [1]);
  await file.close();
  file.write(() => {
    throw new Error("no entries");
  });
  await file.close();
  assert.equal(failures.length, 1);
  assert.match(readFileSync(path, "utf8"), /^\{"form":1,"entries":\[\n1\n\]\}$/m);
  const nowhere = opened(join(path, "below", "a file"));
  nowhere.file.write(() => []);
  await nowhere.file.close();
  assert.equal(nowhere.failures.length, 1);
});
