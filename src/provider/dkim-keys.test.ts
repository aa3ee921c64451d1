import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDkim } from "./dkim-keys.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-dkim-"));
after(() => rmSync(folder, { recursive: true }));

const pkcs8 = { type: "pkcs8", format: "pem" } as const;

function keyFile(name: string, octets: string | Buffer, mode = 0o640): string {
  const path = join(folder, name);
  writeFileSync(path, octets);
  chmodSync(path, mode);
  return path;
}

test("SIG-58 DKIM keys are read by domain, several selectors each", async () => {
  const rsa = keyFile("rsa", generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pkcs8));
  const ed25519 = keyFile("ed25519", generateKeyPairSync("ed25519").privateKey.export(pkcs8));
  const signers = await openDkim([
    { domain: "a.test", selector: "rsa", keyFile: rsa },
    { domain: "b.test", selector: "s", keyFile: ed25519 },
    { domain: "a.test", selector: "ed", keyFile: ed25519 },
  ]);
  assert.deepEqual(
    [...signers].map(([domain, { length }]) => [domain, length]),
    [
      ["a.test", 2],
      ["b.test", 1],
    ],
  );
});

test("a DKIM key that cannot be used is told with its setting and its file", async () => {
  const good = keyFile("good", generateKeyPairSync("ed25519").privateKey.export(pkcs8));
  const rows: [domain: string, file: string, message: RegExp][] = [
    ["a.test", join(folder, "missing"), /^submission\.dkim\[1\]\.key: \S+missing cannot be read: ENOENT/],
    [
      "a.test",
      keyFile("text", "no key"),
      /^submission\.dkim\[1\]\.key: \S+text: no private key in PEM form$/,
    ],
    [
      "a.test",
      keyFile("short", generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export(pkcs8)),
      /^submission\.dkim\[1\]\.key: \S+short: an RSA key of 1024 bits/,
    ],
    [
      "a.test",
      keyFile("open", generateKeyPairSync("ed25519").privateKey.export(pkcs8), 0o644),
      /^submission\.dkim\[1\]\.key: \S+open can be read by anybody; run chmod o= on it$/,
    ],
    ["A.test", good, /^submission\.dkim\[1\]: "A\.test" is no domain in canonical form/],
  ];
  for (const [domain, file, message] of rows) {
    const settings = [
      { domain: "b.test", selector: "s", keyFile: good },
      { domain, selector: "s", keyFile: file },
    ];
    await assert.rejects(openDkim(settings), { message });
  }
});
