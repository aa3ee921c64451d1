import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadMasterKey } from "./load-master-key.ts";
import { MasterKeyError, newMasterKeyText, parseMasterKey } from "./master-key.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-master-key-"));
after(() => rmSync(folder, { recursive: true }));

const text = newMasterKeyText();
const { check } = parseMasterKey(text) ?? assert.fail();

test("a file is made once, whole and private, however many processes start at the same time", async () => {
  const path = join(folder, "sub", "master.key");
  const source = { kind: "file", path } as const;
  const keys = await Promise.all(Array.from({ length: 5 }, () => loadMasterKey(source)));
  assert.equal(new Set(keys.map((key) => key.check)).size, 1);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o640);
  await assert.rejects(loadMasterKey(source), { name: "MasterKeyError", message: /chmod 600/ });
  chmodSync(path, 0o600);
  writeFileSync(path, "something else");
  await assert.rejects(loadMasterKey(source), { name: "MasterKeyError", message: /is not a master key/ });
});

test("a systemd credential is read whatever its mode", async () => {
  const source = { kind: "credential", name: "vsmtp-key" } as const;
  const environment = { CREDENTIALS_DIRECTORY: folder };
  await assert.rejects(loadMasterKey(source, {}), /its unit needs LoadCredentialEncrypted=vsmtp-key/);
  await assert.rejects(loadMasterKey(source, environment), MasterKeyError);
  writeFileSync(join(folder, "vsmtp-key"), text, { mode: 0o444 });
  assert.equal((await loadMasterKey(source, environment)).check, check);
  writeFileSync(join(folder, "vsmtp-key"), text.slice(0, -5));
  await assert.rejects(
    loadMasterKey(source, environment),
    /the systemd credential "vsmtp-key" is not a master key/,
  );
});

test("an environment variable is gone once it is read", async () => {
  const source = { kind: "variable", name: "VSMTP_KEY" } as const;
  const environment: NodeJS.ProcessEnv = { VSMTP_KEY: text.trim() };
  assert.equal((await loadMasterKey(source, environment)).check, check);
  assert.deepEqual(environment, {});
  await assert.rejects(loadMasterKey(source, environment), /VSMTP_KEY is not set/);
  environment.VSMTP_KEY = "secret";
  await assert.rejects(loadMasterKey(source, environment), (error: Error) => {
    assert.match(error.message, /the environment variable VSMTP_KEY is not a master key/);
    return !error.message.includes("secret");
  });
  assert.deepEqual(environment, {});
});
