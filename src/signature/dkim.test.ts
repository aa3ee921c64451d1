import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { parseHeader } from "../message/index.ts";
import { type DkimKey, DkimSigner, dkimRecord, loadDkimKey, MessageScanner } from "./index.ts";
import { arbitraryMessage, LUNCH, signed } from "./test-messages.ts";

const name = { domain: "someisp.tld", selector: "s1.dkim" };
const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const keys = {
  "ed25519-sha256": keyOf(generateKeyPairSync("ed25519").privateKey.export(pkcs8)),
  "rsa-sha256": keyOf(rsa.export(pkcs8)),
};
/** Verifiers look at their own clock. */
const SIGNED_AT = Math.floor(Date.now() / 1000);

function keyOf(pem: string | Buffer): DkimKey {
  const loaded = loadDkimKey(pem);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.detail);
  return loaded.key;
}

function dkimSigned(message: Buffer, key: DkimKey, lifetimeS?: number): Buffer {
  const scanner = new MessageScanner();
  scanner.write(message);
  const { header, bodyHashBase64 } = scanner.finish();
  const signer = new DkimSigner({ ...name, key, ...(lifetimeS === undefined ? {} : { lifetimeS }) });
  return Buffer.concat([signer.sign(header, bodyHashBase64, SIGNED_AT), message]);
}

/** The text of the TXT record, as a resolver gives it. */
function published(key: DkimKey): { owner: string; strings: string[] } {
  const [owner = "", ...strings] = dkimRecord(name, key).split(/\. IN TXT "|" "|"$/);
  return { owner, strings: strings.slice(0, -1) };
}

/** What mailauth says of the topmost signature. */
async function verdict(message: Buffer, key: DkimKey): Promise<string> {
  const { owner, strings } = published(key);
  const { results } = await dkimVerify(message, {
    resolver: async (asked) => {
      assert.deepEqual(asked, owner);
      return [strings];
    },
  });
  return String(results[0]?.status.result);
}

const lines = (octets: Buffer): string[] => octets.toString("latin1").split("\r\n");

/** Fields of every kind that is signed, each up to three times. */
const extraFields = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        "Content-Type",
        "content-x",
        "List-Id",
        "List-Post",
        "VSMTP-Signature",
        "Sender",
        "X-A",
      ),
      fc.constantFrom("a", "a \t b", "\r\n a;\r\n\tb", " é ", ""),
    ),
    { maxLength: 9 },
  )
  .map((fields) => Buffer.from(fields.map(([field, value]) => `${field}:${value}\r\n`).join("")));

for (const [algorithm, key] of Object.entries(keys)) {
  describe(`SIG-58 DKIM ${algorithm}`, () => {
    test("any message that was signed verifies at mailauth, and the field is folded", async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryMessage, extraFields, async (message, extra) => {
          const octets = dkimSigned(Buffer.concat([extra, signed(message)]), key, 86_400);
          assert.equal(await verdict(octets, key), "pass");
          const { fields } = parseHeader(octets.subarray(0, octets.indexOf("\r\n\r\n") + 2));
          const field = octets.subarray(0, fields[0]?.end);
          for (const line of lines(field)) assert.ok(line.length <= 78, line);
        }),
        { numRuns: algorithm === "rsa-sha256" ? 60 : 200 },
      );
    });

    test("what it covers cannot be changed, added to, or taken away", async () => {
      const message = Buffer.concat([
        Buffer.from("List-Unsubscribe: <https://lists.tld/>\r\nContent-Language: en\r\n"),
        signed(LUNCH),
      ]);
      const octets = dkimSigned(message, key);
      const changed = (from: string | RegExp, to: string): Buffer => {
        const text = octets.toString("utf8");
        const other = text.replace(from, to);
        assert.notEqual(other, text);
        return Buffer.from(other);
      };
      assert.equal(await verdict(octets, key), "pass");
      for (const field of ["From", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID"]) {
        assert.notEqual(await verdict(changed(/^(?=List)/m, `${field}: x@y.tld\r\n`), key), "pass", field);
      }
      for (const [what, other] of [
        ["VSMTP-Signature", changed(" k=FIH", " k=fIH")],
        ["no VSMTP-Signature", changed(/^VSMTP-Signature:/m, "X-Signature:")],
        ["List-Unsubscribe", changed("lists.tld", "lists.example")],
        ["Content-Language", changed(": en", ": de")],
        ["another Content-Language", changed(/^(?=List)/m, "Content-Language: de\r\n")],
        ["Subject", changed("Subject: L", "Subject: l")],
        ["the body", changed("Noon", "noon")],
        ["its own tags", changed(`t=${SIGNED_AT}`, `t=${SIGNED_AT - 1}`)],
      ] as const) {
        assert.notEqual(await verdict(other, key), "pass", what);
      }
      // What forwarders and lists may do.
      for (const field of ["VSMTP-Signature: v=1; n=1", "List-Id: x", "Sender: x@y.tld", "Received: x"]) {
        assert.equal(await verdict(changed(/^(?=List)/m, `${field}\r\n`), key), "pass", field);
      }
    });

    test("OpenDKIM takes it", { skip: missingOpendkim() }, () => {
      const messages = fc
        .sample(fc.tuple(arbitraryMessage, extraFields), 20)
        // It reads lines from files, and overlooks one that does not end.
        .map(([message, extra]) => Buffer.concat([extra, signed(message), Buffer.from("\r\n")]))
        .map((message) => dkimSigned(message, key, 86_400));
      const forged = Buffer.from(
        (messages[0] as Buffer).toString("latin1").replace("Allice", "Alice"),
        "latin1",
      );
      assert.deepEqual(judgeByOpendkim([...messages, forged], key), [...messages.map(() => true), false]);
    });
  });
}

test("SIG-58 the field, word for word", () => {
  const pem = [
    "-----BEGIN PRIVATE KEY-----",
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
    "-----END PRIVATE KEY-----",
  ].join("\n");
  const key = keyOf(pem);
  const signer = new DkimSigner({ domain: "someisp.tld", selector: "s1", key, lifetimeS: 604_800 });
  const header = parseHeader(
    Buffer.from("From: a@someisp.tld\r\nList-Id: b\r\nList-Id: c\r\nMIME-Version: 1.0\r\n"),
  );
  const field = signer.sign(header, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 1_073_304_000);
  assert.deepEqual(lines(field), [
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=someisp.tld;",
    " s=s1; t=1073304000; x=1073908800;",
    " h=from:from:reply-to:to:cc:subject:date:message-id:mime-version:",
    "  mime-version:list-id:list-id;",
    " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;",
    " b=7mnm5bYwGM83JwyQqvZOkDFGopYo0woXeLk3fuR71VUa8FNjdmWCPPJm9Et7Em7PXHSX",
    "  wRX3fPAOv5hWgaPAAw==",
    "",
  ]);
  assert.equal(
    dkimRecord({ domain: "someisp.tld", selector: "s1" }, key),
    's1._domainkey.someisp.tld. IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="',
  );
});

test("SIG-58 a header of very many fields gives a field of bounded length", async () => {
  const many = "Content-X: x\r\n".repeat(3000);
  const octets = dkimSigned(Buffer.from(`${many}From: a@someisp.tld\r\n\r\nHi\r\n`), keys["ed25519-sha256"]);
  assert.equal(await verdict(octets, keys["ed25519-sha256"]), "pass");
  assert.ok(octets.length - many.length < 3000);
});

test("SIG-58 keys: PKCS#8 and PKCS#1 are read, others are refused with a reason", () => {
  assert.equal(keyOf(rsa.export({ type: "pkcs1", format: "pem" })).algorithm, "rsa-sha256");
  const exported = (pair: { privateKey: typeof rsa }): string => String(pair.privateKey.export(pkcs8));
  for (const [pem, detail] of [
    [exported(generateKeyPairSync("rsa", { modulusLength: 1024 })), /^an RSA key of 1024 bits: 2048 to 4096/],
    [exported(generateKeyPairSync("ec", { namedCurve: "P-256" })), /^a key of type ec cannot sign/],
    [exported(generateKeyPairSync("rsa-pss", { modulusLength: 2048 })), /^a key of type rsa-pss cannot/],
    [String(rsa.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" })), /is encrypted$/],
    [
      String(rsa.export({ type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })),
      /encrypted$/,
    ],
    ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", /^no private key in PEM form$/],
    ["", /^no private key/],
  ] as const) {
    const loaded = loadDkimKey(pem);
    assert.match(loaded.ok ? "" : loaded.detail, detail);
  }
});

test("SIG-58 domains, selectors and lifetimes that cannot be", () => {
  const key = keys["ed25519-sha256"];
  for (const [domain, selector, lifetimeS, what] of [
    ["Someisp.tld", "s", 1, /no domain in canonical form/],
    ["x;y", "s", 1, /no domain/],
    ["someisp.tld", "", 1, /no selector/],
    ["someisp.tld", "a..b", 1, /no selector/],
    ["someisp.tld", "a; d=b", 1, /no selector/],
    ["someisp.tld", Array(4).fill("s".repeat(60)).join("."), 1, /more than 253/],
    ["someisp.tld", "s", 0, /cannot hold for 0 seconds/],
  ] as const) {
    assert.throws(() => new DkimSigner({ domain, selector, key, lifetimeS }), {
      name: "RangeError",
      message: what,
    });
  }
});

function missingOpendkim(): string | false {
  return spawnSync("opendkim", ["-V"]).status === 0 ? false : "peer: opendkim is not installed";
}

/** Whether the filter of OpenDKIM, with the key in a file instead of DNS, verifies each message. */
function judgeByOpendkim(messages: readonly Buffer[], key: DkimKey): boolean[] {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-opendkim-"));
  try {
    const { owner, strings } = published(key);
    writeFileSync(join(folder, "keys"), `${owner} ${strings.join("")}\n`);
    const settings = join(folder, "opendkim.conf");
    writeFileSync(settings, `Mode v\nSyslog no\nTestDNSData file:${join(folder, "keys")}\n`);
    const files = messages.map((message, index) => {
      const file = join(folder, `${index}.eml`);
      writeFileSync(file, message);
      return file;
    });
    const { stdout, stderr } = spawnSync("opendkim", ["-x", settings, "-t", files.join(",")], {
      encoding: "utf8",
    });
    const text = `${stdout}${stderr}`;
    return files.map((file) => {
      const line = text.split("\n").find((one) => one.includes(`${file}: verification`));
      assert.ok(line, text);
      return line.endsWith("succeeded");
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
