import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { arc } from "mailauth/lib/arc/index.js";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { type DkimKey, DkimSigner, dkimRecord, loadDkimKey, MessageScanner } from "./index.ts";
import { arbitraryMessage, LUNCH, signed } from "./test-messages.ts";

const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const keys = [
  keyOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pkcs8)),
  keyOf(generateKeyPairSync("ed25519").privateKey.export(pkcs8)),
];
const signers = keys.map((key, at) => new DkimSigner({ domain: `hop${at}.test`, selector: "s", key }));
const resolver = async (name: string): Promise<string[][]> => {
  const key = keys[Number(/^s\._domainkey\.hop(\d)\.test$/.exec(name)?.[1])];
  assert.ok(key, name);
  const [, ...strings] = dkimRecord({ domain: "x.test", selector: "s" }, key).split(/ IN TXT "|" "|"$/);
  return [strings.slice(0, -1)];
};

function keyOf(pem: string | Buffer): DkimKey {
  const loaded = loadDkimKey(pem);
  assert.ok(loaded.ok);
  return loaded.key;
}

function sealedBy(hop: number, message: Buffer, chain: "none" | "pass", results: string): Buffer | null {
  const scanner = new MessageScanner();
  scanner.write(message);
  const { header, bodyHashBase64 } = scanner.finish();
  const signedAt = Math.floor(Date.now() / 1000);
  const set = (signers[hop % 2] as DkimSigner).seal(header, bodyHashBase64, { results, chain, signedAt });
  return set && Buffer.concat([set, message]);
}

/** What mailauth says of the chain. */
async function chainOf(message: Buffer): Promise<string> {
  const options = { resolver, strict: true };
  const verified = (await dkimVerify(message, options as Parameters<typeof dkimVerify>[1])) as {
    arc?: Parameters<typeof arc>[0];
  };
  assert.ok(verified.arc);
  const { status, i } = (await arc(verified.arc, options)) as { status: { result: string }; i?: number };
  return `${status.result} ${i}`;
}

test("CUS-7 a chain of ours holds at mailauth, whatever each hop puts before the message", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryMessage,
      fc.array(fc.constantFrom("", "List-Id: <x.test>\r\n", "Received: x\r\n y\r\n", "Subject: more\r\n"), {
        minLength: 1,
        maxLength: 4,
      }),
      async (message, added) => {
        let passed: Buffer = signed(message);
        for (const [hop, field] of added.entries()) {
          passed = Buffer.concat([Buffer.from(field), passed]);
          const results = `mx.hop${hop}.test;\r\n vsmtp=pass header.i=a@b.test;\r\n arc=${hop === 0 ? "none" : "pass"}`;
          const next = sealedBy(hop, passed, hop === 0 ? "none" : "pass", results);
          assert.ok(next);
          passed = next;
          assert.equal(await chainOf(passed), `pass ${hop + 1}`);
        }
        const text = passed.toString("latin1");
        for (const [from, to] of [
          ["vsmtp=pass", "vsmtp=fail"],
          [/^From: ?/m, "From: x"],
          ["cv=none", "cv=pass"],
        ] as const) {
          const other = Buffer.from(text.replace(from, to), "latin1");
          if (!other.equals(passed)) assert.match(await chainOf(other), /^fail/);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("a chain that is not whole, or not as the results say, is not gone on with", () => {
  const message = signed(LUNCH);
  const one = sealedBy(0, message, "none", "mx; none");
  assert.ok(one);
  assert.equal(sealedBy(0, message, "pass", "mx; none"), null);
  assert.equal(sealedBy(0, one, "none", "mx; none"), null);
  const text = one.toString("latin1");
  for (const other of [
    text.replace("ARC-Seal", "X"),
    text.replace(/i=1/g, "i=2"),
    text.replace("i=1", "i=x"),
    text.replace(/(ARC-Authentication-Results: .*\r\n .*\r\n)/, "$1$1"),
  ]) {
    assert.notEqual(other, text);
    assert.equal(sealedBy(1, Buffer.from(other, "latin1"), "pass", "mx; none"), null, other);
  }
  let many: Buffer | null = one;
  for (let hop = 1; hop < 50; hop++) many = many && sealedBy(1, many, "pass", "mx; none");
  assert.ok(many);
  assert.equal(sealedBy(1, many, "pass", "mx; none"), null);
});

test("the set, word for word", () => {
  const set = signers[1]?.seal(
    scanned("From: a@b.test\r\nDKIM-Signature: x\r\n\r\nHi\r\n").header,
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    { results: "mx.hop.test;\r\n vsmtp=pass", chain: "none", signedAt: 1_073_304_000 },
  );
  assert.match(
    String(set),
    /^ARC-Seal: i=1; a=ed25519-sha256; d=hop1\.test; s=s; t=1073304000;\r\n cv=none;\r\n b=[A-Za-z0-9+/=\r\n ]+\r\nARC-Message-Signature: i=1; a=ed25519-sha256; d=hop1\.test; s=s;\r\n t=1073304000; c=relaxed\/relaxed;\r\n h=from:from:reply-to:to:cc:subject:date:message-id:dkim-signature;\r\n bh=47DEQpj8HBSa\+\/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n b=[A-Za-z0-9+/=\r\n ]+\r\nARC-Authentication-Results: i=1;\r\n mx\.hop\.test;\r\n vsmtp=pass\r\n$/,
  );
});

function scanned(text: string) {
  const scanner = new MessageScanner();
  scanner.write(Buffer.from(text));
  return scanner.finish();
}
