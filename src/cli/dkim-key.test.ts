import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadDkimKey } from "../signature/index.ts";
import * as command from "./dkim-key.ts";
import { runCommand } from "./run-command.ts";
import { UsageError } from "./usage-error.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-dkim-key-"));
const at = (name: string): string => join(folder, name);
after(() => rmSync(folder, { recursive: true }));

function dkimKey(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = join(import.meta.dirname, "main.ts");
  return spawnSync(process.execPath, [main, "dkim-key", ...args], { encoding: "utf8", input: "" });
}

test("SIG-58 it makes a key that only its owner reads, and prints its record, then and later", () => {
  for (const [options, algorithm, type, length] of [
    [[], "rsa-sha256", "rsa", 294],
    [["--algorithm", "ed25519"], "ed25519-sha256", "ed25519", 32],
  ] as const) {
    const file = at(`${type}.pem`);
    const name = ["--domain", "Bücher.example", "--selector", "s1"];
    const { status, stdout, stderr } = dkimKey(...name, ...options, "--out", file);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const pem = readFileSync(file);
    const loaded = loadDkimKey(pem);
    assert.equal(loaded.ok && loaded.key.algorithm, algorithm);
    const [owner, ...strings] = stdout.split(/ IN TXT "|" "|"\n/);
    assert.equal(owner, "s1._domainkey.xn--bcher-kva.example.");
    assert.ok(strings.every((string) => string.length <= 255));
    const [, found, publicKey = ""] = /^v=DKIM1; k=(\w+); p=(\S+)$/.exec(strings.join("")) ?? [];
    const octets = Buffer.from(publicKey, "base64");
    assert.deepEqual([found, octets.length], [type, length]);
    const spki = createPublicKey(createPrivateKey(pem)).export({ type: "spki", format: "der" });
    assert.ok(spki.subarray(-length).equals(octets));
    assert.equal(dkimKey(...name, "--record", file).stdout, stdout);
  }
});

test("SIG-58 what is wrong is said, and no file is written or touched", async () => {
  const taken = at("taken.pem");
  writeFileSync(taken, "mine\n");
  const weak = at("weak.pem");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  writeFileSync(weak, privateKey.export({ type: "pkcs1", format: "pem" }));
  const name = ["--domain", "x.test", "--selector", "s"];
  for (const [args, said] of [
    [name, /either --out FILE, for a new key, or --record FILE/],
    [[...name, "--out", at("a"), "--record", taken], /either --out FILE/],
    [[...name, "--algorithm", "rsa", "--record", taken], /--algorithm is for a new key/],
    [[...name, "--algorithm", "dsa", "--out", at("a")], /Allowed choices are rsa, ed25519/],
    [[...name, "--out", taken], /taken\.pem: cannot be written: .*never overwritten/],
    [[...name, "--record", taken], /taken\.pem: no private key in PEM form/],
    [[...name, "--record", weak], /weak\.pem: an RSA key of 1024 bits/],
    [[...name, "--record", at("none")], /none: cannot be read: there is no such file/],
    [["--domain", "x_y", "--selector", "s", "--out", at("a")], /"x_y" is no domain/],
    [["--domain", "x.test", "--selector", "-", "--out", at("a")], /"-" is no selector/],
    [["--selector", "s", "--out", at("a")], /'--domain D' not specified/],
  ] as const) {
    await assert.rejects(runCommand("dkim-key", "", command, args), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, said);
      return true;
    });
  }
  assert.equal(readFileSync(taken, "utf8"), "mine\n");
  assert.throws(() => statSync(at("a")), { code: "ENOENT" });
});
