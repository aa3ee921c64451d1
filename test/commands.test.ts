import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { vsmtp } from "./support/program.ts";

// The commands that others script: standard input to standard output, exit status 0, 1 or 2, one line for what is wrong.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-commands-"));
const keyFile = join(folder, "key.pem");
const statements = join(folder, "statements");
const message = "From: a@x.test\r\nTo: b@y.test\r\nSubject: Hi\r\n\r\nHello  there \r\n";
let signed = "";

before(async () => {
  const made = await vsmtp(["keygen", "--out", keyFile, "--identity", "a@x.test"]);
  assert.equal(made.status, 0, made.stderr);
  writeFileSync(statements, made.stdout.split("\n").find((line) => line.startsWith("v=1;")) ?? "");
  const result = await vsmtp(
    ["sign", "--key", keyFile, "--identity", "A@x.test", "--rcpt", "b@y.test"],
    message,
  );
  assert.equal(result.status, 0, result.stderr);
  signed = result.stdout;
});
after(() => rmSync(folder, { recursive: true }));

test("sign puts a field before the message and leaves the rest as it is", () => {
  assert.match(signed, /^VSMTP-Signature: v=1; a=ed25519-sha256; i=a@x\.test;\r\n/);
  assert.ok(signed.endsWith(message));
});

test("verify --json tells the verdict in SPEC's words; the exit status says pass or not", async () => {
  const rows: [input: string, rest: string[], status: number, seen: (string | null)[]][] = [
    [signed, ["--rcpt", "b@y.test"], 0, ["pass", null, "a@x.test", "from", "match"]],
    [signed, ["--rcpt", "c@y.test"], 0, ["pass", null, "a@x.test", "from", "mismatch"]],
    [signed, ["--now", "99"], 1, ["fail", "expired", "a@x.test", null, null]],
    [signed.replace("Hello", "Hullo"), [], 1, ["fail", "body", "a@x.test", null, null]],
    [signed.replace("Hi\r", "Ho\r"), [], 1, ["fail", "signature", "a@x.test", null, null]],
    [message, [], 1, ["none", "unsigned", null, null, null]],
    [signed.replace("Hello", "Hel\nlo"), [], 1, ["permerror", "syntax", null, null, null]],
  ];
  for (const [input, rest, status, seen] of rows) {
    const ran = await vsmtp(["verify", "--json", "--statements", statements, ...rest], input);
    const { result, reason, identity, align, rcpt, ...others } = JSON.parse(ran.stdout);
    assert.deepEqual([result, reason, identity, align, rcpt], seen);
    assert.deepEqual(Object.keys(others), ["kid"]);
    assert.equal(ran.status, status);
  }
});

test("explain names what was covered and what broke", async () => {
  const tagged = signed.replace("Subject: Hi", "Subject: [list] Hi");
  const ran = await vsmtp(["explain", "--statements", statements], tagged);
  assert.equal(ran.status, 1);
  assert.match(
    ran.stdout,
    /covered +from, to, subject\n[\s\S]*"\[list\]" was put into it[\s\S]*verdict: fail signature/,
  );
});

test("canonical --json prints what is signed (MSG-7, MSG-11)", async () => {
  const { headerCanonical, bodyHash } = JSON.parse((await vsmtp(["canonical", "--json"], message)).stdout);
  assert.equal(
    Buffer.from(headerCanonical, "base64").toString(),
    "from:a@x.test\r\nto:b@y.test\r\nsubject:Hi\r\n",
  );
  assert.equal(Buffer.from(bodyHash, "base64").length, 32);
});

test("what is wrong is one line with its place, and status 2", async () => {
  const garbage = join(folder, "garbage");
  writeFileSync(garbage, "garbage\n");
  const sign = ["sign", "--key", keyFile, "--identity", "a@x.test"];
  const rows: [args: string[], input: string, said: RegExp][] = [
    [["verify", "--statements", garbage], signed, /garbage: line 1, column 1/],
    [["verify", "--statements", join(folder, "none")], signed, /there is no such file/],
    [["sign", "--key", garbage, "--identity", "a@x.test"], message, /no private key/],
    [sign, message.replaceAll("\r", ""), /bare-lf: line 1 \(byte 14\)/],
    [["sign", "--key", keyFile, "--identity", "eve@x.test"], message, /names a@x\.test/],
    [[...sign, "--t", "5", "--x", "5"], message, /x=5/],
    [[...sign, "--salt", "zz"], message, /32 hexadecimal/],
    [["keygen", "--out", keyFile], "", /never overwritten/],
  ];
  for (const [args, input, said] of rows) {
    const ran = await vsmtp(args, input);
    assert.deepEqual([ran.status, ran.stdout], [2, ""], args.join(" "));
    assert.match(ran.stderr, said);
    assert.match(ran.stderr, /^vsmtp: [^\n]*\n$/);
  }
});
