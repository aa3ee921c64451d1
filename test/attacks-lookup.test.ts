import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Talker } from "../src/smtp/test-peers.ts";
import { Author, KeyList, newKey, nowSeconds } from "./support/authors.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Attacks on what a receiver remembers of other domains, and on what it may ask them, with mail to port 25 of a real
// installation (docs/attacks.md).

let site: ReceivingSite;

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-attacked-"));
  mkdirSync(join(folder, "data"));
  const now = nowSeconds();
  const kept = (domain: string, text: string, over = {}, until = now + 86_400) => ({
    ...{ domain, before: null, epoch: 0, epochUntil: 0, ...over },
    last: { text, authenticated: false, days: 30, dayBegan: now - 3600, until, keptUntil: now + 86_400 },
  });
  const entries = [
    kept("bank.test", "v=VSMTP1; p=reject; ma=2592000"),
    kept("late.test", "v=VSMTP1; p=reject; ma=2592000", {}, now - 1),
    kept("raised.test", "v=VSMTP1; ma=2592000", { epoch: now + 250, epochUntil: now + 86_400 }),
  ];
  writeFileSync(join(folder, "data", "policy-records.json"), JSON.stringify({ form: 1, entries }));
  site = await ReceivingSite.start({ folder });
});
after(() => site.stop());

const unsigned = (domain: string): string => new Author(`ceo@${domain}`, newKey("ceo").signing).write();
const send = async (domain: string): Promise<string> =>
  (await site.send(unsigned(domain), { from: "x@evil.test" })).summary;

describe("policy records that somebody suppresses (POL-10, POL-15)", () => {
  test("one that was seen for long counts after a restart too, whatever the DNS says or not", async () => {
    assert.equal(await send("bank.test"), "550 unsigned");
    site.dns.set("_vsmtp.bank.test", { TXT: ["v=VSMTP1; p=oops"] });
    assert.equal(await send("bank.test"), "550 unsigned");
    assert.equal(await send("late.test"), "250 unsigned");
    // The domain itself may change its mind at any time.
    site.dns.set("_vsmtp.bank.test", { TXT: ["v=VSMTP1; p=none"] });
    assert.equal(await send("bank.test"), "250 unsigned");
    // Whoever forged that for a moment gains the moment.
    site.dns.delete("_vsmtp.bank.test");
    assert.equal(await send("bank.test"), "550 unsigned");
    site.dns.fail("_vsmtp.bank.test", "SERVFAIL");
    assert.equal(await send("bank.test"), "550 unsigned");
  });

  test("one seen a moment ago counts as well; one without ma does not", async () => {
    site.dns.set("_vsmtp.new.test", { TXT: ["v=VSMTP1; p=reject; ma=86400"] });
    site.dns.set("_vsmtp.brief.test", { TXT: ["v=VSMTP1; p=reject"] });
    for (const domain of ["new.test", "brief.test"]) {
      assert.equal(await send(domain), "550 unsigned");
      site.dns.delete(`_vsmtp.${domain}`);
    }
    assert.equal(await send("new.test"), "550 unsigned");
    assert.equal(await send("brief.test"), "250 unsigned");
  });

  test("an epoch that was raised is not taken back: statements from before it stay void (CCH-9)", async () => {
    const keys = new KeyList();
    keys.domains.add("raised.test");
    site.publish("raised.test", "mx.raised.test", "p=none; ma=60");
    await site.keyServer("mx.raised.test", keys);
    const author = keys.author("ceo@raised.test");
    const { summary, event } = await site.send(author.sign(), { from: author.address });
    assert.equal(summary, "451 unavailable");
    assert.match(event?.verdict.detail ?? "", /before the domain's epoch/);
  });
});

describe("floods of forged mail, and honest mail beside them", () => {
  test("of 400 forgeries from one network 15 cost their victim a lookup; mail it vouches for passes cold (CCH-7, CCH-14)", async () => {
    const asked = site.keys.asked.length;
    const { signing } = newKey("nobody");
    const talker = await Talker.hello(site.port);
    for (let n = 0; n < 400; n++) {
      const kid = `${String(n).padStart(21, "q")}A`;
      const forged = new Author(`user${n}@someisp.test`, { ...signing, kid });
      const { summary } = await site.sendBy(talker, forged.sign(), "x@evil.test");
      assert.match(summary, n < 15 ? /^550 no-key$/ : /^451 unavailable$/, `${n}`);
    }
    talker.destroy();
    assert.equal(site.keys.asked.length - asked, 15);

    const honest = site.author("honest@someisp.test");
    const cold = () => site.send(honest.sign(), { from: honest.address });
    assert.equal((await cold()).summary, "451 unavailable", "nobody vouches for it");
    // Who vouches for a domain of his own gains nothing for another one.
    site.dns.set("evil.test", { TXT: ["v=spf1 ip4:127.0.0.1 -all"] });
    const written = honest.write({ From: "<x@evil.test>", Sender: "<honest@someisp.test>" });
    const lent = await site.send(honest.sign(written), { from: "x@evil.test" });
    assert.equal(lent.summary, "451 unavailable");
    site.dns.set("someisp.test", {
      MX: [[10, "mx.someisp.test"]],
      TXT: ["v=spf1 ip4:127.0.0.1 -all"],
    });
    assert.equal((await cold()).summary, "250 pass");
    assert.equal((await cold()).summary, "250 pass");
    assert.equal(site.keys.asked.length - asked, 16);
  });
});
