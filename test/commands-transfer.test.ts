import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandLine } from "./support/command-line.ts";

// vsmtp export and vsmtp import between two installations.

const from = new CommandLine();
const to = new CommandLine();
const file = join(from.folder, "keyring.jsonl");

before(async () => {
  await from.does("domain add someisp.test --sign-statements", /is hosted/);
  await from.object("account add allice@someisp.test --alias al@someisp.test");
  await from.object("account add bob@someisp.test --no-password");
  await from.does("account remove bob@someisp.test --yes", /removed/);
});
after(() => {
  from.remove();
  to.remove();
});

test("an export holds everything but the master key, and is private", async () => {
  const exported = await from.object(`export ${file}`);
  assert.deepEqual(exported, {
    file,
    domains: 1,
    accounts: 2,
    keys: 2,
    enrolments: 0,
    audit_entries: 5,
  });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const masterKey = readFileSync(join(from.folder, "data", "master.key"), "utf8").trim();
  assert.ok(!readFileSync(file, "utf8").includes(masterKey));
  await from.refuses(`export ${file}`, /never overwritten/);
  await from.refuses(`export ${from.folder}/nowhere/file`, /cannot be written: ENOENT/);
});

test("an import needs the master key and an empty key store, and brings everything", async () => {
  await to.refuses(`import ${file}`, /bring the master key here first/);
  mkdirSync(join(to.folder, "data"));
  const masterKey = join(to.folder, "data", "master.key");
  copyFileSync(join(from.folder, "data", "master.key"), masterKey);
  await to.refuses("import nothing.jsonl", /there is no such file/);
  const cut = join(to.folder, "cut.jsonl");
  writeFileSync(cut, readFileSync(file, "utf8").replace('"vsmtp-keyring":1', '"vsmtp-keyring":7'));
  await to.refuses(`import ${cut}`, /version 7/);
  await to.does(`import ${file}`, /^2 accounts and 5 entries .*; the log is whole\n$/);
  await to.refuses(`import ${file}`, /is not empty/);
  assert.deepEqual(
    await to.object("account show al@someisp.test"),
    await from.object("account show al@someisp.test"),
  );
  assert.deepEqual(
    await to.objects("key list allice@someisp.test"),
    await from.objects("key list allice@someisp.test"),
  );
  assert.deepEqual((await to.objects("audit list")).map(({ action }) => action).slice(-2), [
    "store.export",
    "store.import",
  ]);
});
