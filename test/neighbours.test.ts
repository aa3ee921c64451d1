import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { DkimSigner, dkimRecord, loadDkimKey, MessageScanner } from "../src/signature/index.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// SPF, DKIM and DMARC of mail that comes to a running server, in one field with our own verdict (NBR-1).

let site: ReceivingSite;
before(async () => {
  site = await ReceivingSite.start({ settings: `[neighbours]\ndeadline = "1s"` });
});
after(() => site.stop());

const pem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
  type: "pkcs8",
  format: "pem",
});
const loaded = loadDkimKey(pem);
assert.ok(loaded.ok);
const { key } = loaded;
const name = { domain: "someisp.test", selector: "s1" };

function withDkim(message: Buffer): Buffer {
  const scanner = new MessageScanner();
  scanner.write(message);
  const { header, bodyHashBase64 } = scanner.finish();
  return Buffer.concat([
    new DkimSigner({ ...name, key }).sign(header, bodyHashBase64, 1_700_000_000),
    message,
  ]);
}

function publish(): void {
  const [, ...strings] = dkimRecord(name, key).split(/ IN TXT "|" "|"$/);
  site.dns.set("s1._domainkey.someisp.test", { TXT: [strings.join("")] });
  site.dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]], TXT: ["v=spf1 ip4:127.0.0.1 -all"] });
  site.dns.set("_dmarc.someisp.test", { TXT: ["v=DMARC1; p=reject"] });
}

/** The topmost field of a stored message, unfolded. */
function fieldOf(stored: string): string {
  const unfolded = stored.replaceAll(/\r\n[ \t]+/g, " ");
  return /^Authentication-Results: (.*)\r$/m.exec(unfolded)?.[1] ?? "";
}

test("one field: our verdict first, then what the neighbours say", async () => {
  publish();
  const author = site.author("allice@someisp.test");
  const { summary, event } = await site.send(withDkim(author.sign(author.write({ Subject: "All of them" }))));
  assert.equal(summary, "250 pass");
  assert.equal(event?.neighbours?.fromPasses, true);
  assert.match(
    fieldOf(await site.stored("Subject: All of them")),
    /^mx\.dest\.test; vsmtp=pass header\.i=allice@someisp\.test .*; spf=pass smtp\.mailfrom=someisp\.test; dkim=pass header\.d=someisp\.test header\.s=s1 header\.a=rsa-sha256 header\.b=\S+; dmarc=pass header\.from=someisp\.test policy\.dmarc=reject$/,
  );
});

test("a DMARC pass is no VSMTP pass, nor the other way round", async () => {
  const author = site.author("allice@someisp.test");
  const unsigned = withDkim(Buffer.from(author.write({ Subject: "DKIM only" })));
  const byDkim = await site.send(unsigned);
  assert.equal(byDkim.summary, "550 unsigned");
  assert.equal(byDkim.event?.neighbours?.dmarc.result, "pass");
  const signed = await site.send(author.sign(), { from: "x@elsewhere.test" });
  assert.equal(signed.summary, "250 pass");
  assert.equal(signed.event?.neighbours?.dmarc.result, "fail");
});

test("a large body in simple form is read from its spool file, and delivered whole", async () => {
  const author = site.author("allice@someisp.test");
  const body = "A line of a letter that is longer than memory is kept for. \r\n".repeat(10_000);
  const written = author.sign(author.write({ Subject: "Long letter" }, body));
  const signature = { signingDomain: "someisp.test", selector: "s1", privateKey: pem };
  const { signatures } = await dkimSign(written, {
    canonicalization: "simple/simple",
    signTime: new Date(),
    signatureData: [signature],
  } as unknown as Parameters<typeof dkimSign>[1]);
  const { event } = await site.send(Buffer.concat([Buffer.from(signatures), written]));
  assert.equal(event?.neighbours?.dkim[0]?.result, "pass");
  assert.ok((await site.stored("Subject: Long letter")).endsWith(body.slice(-10_000)));
});

test("a DNS that is silent costs the deadline, and leaves the verdict alone", async () => {
  const author = site.author("allice@someisp.test");
  for (const name of ["_dmarc.someisp.test", "s1._domainkey.someisp.test"]) site.dns.fail(name, "silent");
  const begin = performance.now();
  const { summary, event } = await site.send(withDkim(author.sign()));
  assert.equal(summary, "250 pass");
  assert.ok(performance.now() - begin < 10_000);
  const words = event?.neighbours?.recorded.map(({ method, result }) => `${method}=${result}`);
  assert.deepEqual(words, ["spf=pass", "dkim=temperror", "dmarc=temperror"]);
});
