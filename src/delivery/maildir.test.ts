import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { storeInMaildir } from "./maildir.ts";

const pieces = () => [Buffer.from("Subject: x\r\n"), Buffer.from("\r\nHello\r\n")];

test("a delivery that is repeated after a crash replaces itself, also where its reader was quicker", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(root, { recursive: true }));
  const maildir = join(root, "new-folder", "bob");
  const store = (name: string, repeated: boolean) =>
    storeInMaildir(maildir, { name, pieces, suspicious: false, repeated });
  const list = (folder: string) => readdirSync(join(maildir, folder)).sort();
  await store("1.VaR0.here.test", false);
  await store("1.VaR0.here.test", true);
  assert.deepEqual(list("new"), ["1.VaR0.here.test"]);
  renameSync(join(maildir, "new", "1.VaR0.here.test"), join(maildir, "cur", "1.VaR0.here.test:2,S"));
  await store("1.VaR0.here.test", true);
  assert.deepEqual(list("new"), []);
  // Another recipient, or another message: its name only begins the same.
  await store("1.VaR0.here", true);
  assert.deepEqual(list("new"), ["1.VaR0.here"]);
  assert.deepEqual(list("tmp"), []);
});

test("nothing is left behind where the message cannot be read or put in place", async (t) => {
  const maildir = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(maildir, { recursive: true }));
  const broken = async function* () {
    yield Buffer.from("Subject: x\r\n");
    throw new Error("the disk is gone");
  };
  const common = { name: "1", suspicious: false, repeated: false };
  await assert.rejects(storeInMaildir(maildir, { ...common, pieces: broken }), /the disk is gone/);
  assert.deepEqual(readdirSync(join(maildir, "tmp")), []);
  mkdirSync(join(maildir, "new", "1"));
  await assert.rejects(storeInMaildir(maildir, { ...common, pieces }));
  assert.deepEqual(readdirSync(join(maildir, "tmp")), []);
});
