import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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
  assert.match(tagged, /^Subject: \[unverified\]\r?\n Lunch\r?$/m);
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
  assert.ok(tookMs >= 1000 && tookMs < 4000, `${tookMs} ms`);
  assert.match(await site.stored("mark-slow"), /^X-VSMTP-Flag: tag; VSMTP\/unavailable/m);
});
