import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { type DkimKey, DkimSigner, dkimRecord, loadDkimKey, MessageScanner } from "../src/signature/index.ts";
import { Talker } from "../src/smtp/test-peers.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// An operator's settings, from the file to the mailbox, on an installation that runs (ACT-4 to ACT-8).

let site: ReceivingSite;
before(async () => {
  site = await ReceivingSite.start({
    settings: `
[policy]
stage = "observe"
deadline = "1s"
dmarc_overrides = true
trusted = [{ name = "lists", dkim = ["lists.test"] }]
senders = [
  { domain = "partner.test", actions = { unsigned = "deliver" } },
  { domain = "bank.test", stage = "enforce" },
]
[policy.actions]
body = "reject"
[policy.tag]
subject = "[unverified]"
fields = { "X-Spam-Flag" = "YES" }`,
  });
  site.publish("bank.test", "mx.bank.test", "p=reject");
});
after(() => site.stop());

const mail = (from: string, mark: string) =>
  `From: ${from}\r\nTo: bob@dest.test\r\nSubject: Lunch\r\nX-Spam-Flag: NO\r\n\r\n${mark}\r\n`;

test("the stage stands in the reply to EHLO (ACT-7)", async () => {
  const talker = await Talker.connect(site.port);
  await talker.reply();
  assert.match(await talker.ask("EHLO out.test"), /\|250[- ]VSMTP observe(?:\||$)/);
  talker.destroy();
});

test("tagged mail is marked in the mailbox, excused mail is not, refused mail is not there", async () => {
  assert.equal((await site.send(mail("a@other.test", "mark-tagged"))).summary, "250 unsigned");
  const tagged = await site.stored("mark-tagged");
  assert.match(tagged, /^X-VSMTP-Flag: tag; VSMTP\/unsigned\r?\nX-Spam-Flag: YES\r?$/m);
  assert.match(tagged, /^Subject: \[unverified\] Lunch\r?$/m);
  assert.doesNotMatch(tagged, /Flag: NO/);

  assert.equal((await site.send(mail("a@partner.test", "mark-partner"))).summary, "250 unsigned");
  assert.doesNotMatch(await site.stored("mark-partner"), /X-VSMTP-Flag|X-Spam-Flag|unverified/);

  const { reply, event } = await site.send(mail("a@bank.test", "mark-bank"));
  assert.match(reply, /^550 5\.7\.1 VSMTP\/unsigned /);
  assert.deepEqual([event?.decision.decidedBy, event?.decision.because], ["policy", "bank.test"]);

  const allice = site.author("allice@someisp.test");
  const altered = allice.sign(mail(allice.address, "Noon")).toString("latin1");
  const damaged = await site.send(altered.replace("Noon", "Nine"));
  assert.match(damaged.reply, /^550 5\.7\.7 VSMTP\/body /);
  assert.equal(damaged.event?.decision.because, "policy.actions.body");
});

test("what cannot be found out within the deadline is answered then, and in time (policy.deadline)", async () => {
  site.publish("slow.test", "mx.slow.test", null);
  await site.raw("mx.slow.test:8757", () => {});
  const allice = site.author("allice@slow.test");
  const before = Date.now();
  const { summary, event } = await site.send(allice.sign(mail(allice.address, "mark-slow")));
  const tookMs = Date.now() - before;
  assert.equal(summary, "250 unavailable", "in stage observe it is tagged");
  assert.equal(event?.verdict.detail, "verifying took too long");
  assert.ok(tookMs >= 1000 && tookMs < 9000, `${tookMs} ms`);
  assert.match(await site.stored("mark-slow"), /^X-VSMTP-Flag: tag; VSMTP\/unavailable/m);
});

/** A message with a DKIM signature of a domain, whose key is in the DNS. */
function dkimSigned(domain: string, message: string): string {
  const pem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
    format: "pem",
    type: "pkcs8",
  });
  const loaded = loadDkimKey(String(pem));
  assert.ok(loaded.ok);
  const key: DkimKey = loaded.key;
  const [, record = ""] =
    /"(v=DKIM1.*)"/.exec(dkimRecord({ domain, selector: "s" }, key).replaceAll('" "', "")) ?? [];
  site.dns.set(`s._domainkey.${domain}`, { TXT: [record] });
  const scanner = new MessageScanner();
  scanner.write(Buffer.from(message));
  const { header, bodyHashBase64 } = scanner.finish();
  const now = Math.floor(Date.now() / 1000);
  return (
    new DkimSigner({ domain, selector: "s", key }).sign(header, bodyHashBase64, now).toString() + message
  );
}

test("a list that signs with DKIM is trusted as the operator says, and only with its own signature (ACT-6)", async () => {
  const posted = dkimSigned("lists.test", mail("a@bank.test", "mark-list"));
  const { summary, event } = await site.send(posted);
  assert.equal(summary, "250 unsigned");
  assert.deepEqual([event?.decision.decidedBy, event?.decision.because], ["trusted", "lists"]);
  const stored = await site.stored("mark-list");
  assert.match(stored, /vsmtp=none policy\.override=lists;\r?\n/);
  assert.doesNotMatch(stored, /X-VSMTP-Flag/);
  assert.match((await site.send(posted.replace("mark-list", "Buy!"))).reply, /^550 5\.7\.1 VSMTP\/unsigned/);
  const another = dkimSigned("other-lists.test", mail("a@bank.test", "mark-list"));
  assert.match((await site.send(another)).reply, /^550 5\.7\.1 VSMTP\/unsigned/);
});

test("a second From above the one that a trusted list signed makes it nobody's mail", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = String(privateKey.export({ format: "pem", type: "pkcs8" }));
  const loaded = loadDkimKey(pem);
  assert.ok(loaded.ok);
  const [, ...strings] = dkimRecord({ domain: "lists.test", selector: "l" }, loaded.key).split(
    / IN TXT "|" "|"$/,
  );
  site.dns.set("l._domainkey.lists.test", { TXT: [strings.join("")] });
  const post = mail("member@other.test", "mark-two");
  // As most lists sign: without naming From once more than it is there.
  const { signatures } = await dkimSign(Buffer.from(post), {
    signTime: new Date(),
    signatureData: [
      { signingDomain: "lists.test", selector: "l", privateKey: pem, canonicalization: "relaxed/relaxed" },
    ],
  } as Parameters<typeof dkimSign>[1]);
  assert.equal((await site.send(signatures + post)).event?.decision.because, "lists");
  const { reply, event } = await site.send(`From: ceo@bank.test\r\n${signatures}${post}`);
  assert.match(reply, /^550 5\.7\.1 VSMTP\/unsigned/);
  assert.equal(event?.neighbours?.dkim[0]?.result, "policy");
});

test("mail that passes DMARC is excused from p where that is set, by its own domain's signature", async () => {
  site.dns.set("_dmarc.bank.test", { TXT: ["v=DMARC1; p=none"] });
  const { event } = await site.send(dkimSigned("bank.test", mail("a@bank.test", "mark-dmarc")));
  assert.deepEqual([event?.decision.decidedBy, event?.decision.because], ["dmarc", "bank.test"]);
  assert.match(await site.stored("mark-dmarc"), /vsmtp=none policy\.override=dmarc;[\s\S]*dmarc=pass/);
  const forged = dkimSigned("evil.test", mail("a@bank.test", "mark-forged"));
  assert.match((await site.send(forged)).reply, /^550 5\.7\.1 VSMTP\/unsigned/);
});
