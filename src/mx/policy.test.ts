import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { defaultPolicy, type PolicySettings, type SenderRule, type TrustedSource } from "../config/index.ts";
import { parseAddress } from "../message/index.ts";
import type { NeighbourResults } from "../neighbours/index.ts";
import { Talker } from "../smtp/test-peers.ts";
import { MxHere, nothingKnown } from "./test-mx.ts";

// Which settings count for which mail, on a real socket: overrides for senders and recipients, trusted sources, marks.

const border = new MxHere();
before(() => border.start());
after(() => border.close());
beforeEach(() => {
  border.dns.clear();
  border.dns.set("_vsmtp.strict.test", { TXT: ["v=VSMTP1; p=reject"] });
  border.domains = [{ name: "dest.test", stage: null, actions: {}, senders: [] }];
  border.neighbours = nothingKnown;
});

const MESSAGE = "From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: Lunch?\r\n\r\nNoon?\r\n";
const from = (...addresses: string[]) => MESSAGE.replace("allice@someisp.test", addresses.join(", "));

/** What is done with a message, and why. */
async function decided(message: string, policy: Partial<PolicySettings> = {}): Promise<string> {
  await border.send(message, policy);
  await border.queued();
  const { decision } = border.events.at(-1) ?? {};
  return [decision?.action, decision?.because].filter((word) => word != null).join(" ");
}

function rule(pattern: string, over: Partial<SenderRule>): SenderRule {
  return { pattern, stage: null, actions: {}, ...over };
}

function source(name: string, over: Partial<TrustedSource>): TrustedSource {
  return { name, clients: [], arc: [], dkim: [], forwarders: [], ...over };
}

test("the most specific setting counts: recipient and sender, recipient, sender, all (ACT-8)", async () => {
  const policy = {
    actions: { none: "tag" as const },
    senders: [
      rule("partner.test", { actions: { none: "quarantine" } }),
      rule(".partner.test", { stage: "require" }),
    ],
  };
  const unsigned = from("a@partner.test");
  assert.equal(await decided(from("a@other.test"), policy), "tag policy.actions.none");
  assert.equal(await decided(unsigned, policy), "quarantine policy.senders[partner.test].actions.none");
  assert.equal(
    await decided(from("a@sub.partner.test"), { senders: policy.senders }),
    "reject policy.senders[.partner.test].stage",
  );
  border.domains = [{ name: "dest.test", stage: null, actions: { none: "discard" }, senders: [] }];
  assert.equal(await decided(unsigned, policy), "discard domains[dest.test].actions.none");
  const senders = [rule("partner.test", { actions: { unsigned: "deliver" } })];
  border.domains = [{ name: "dest.test", stage: null, actions: { unsigned: "discard" }, senders }];
  const why = "deliver domains[dest.test].senders[partner.test].actions.unsigned";
  assert.equal(await decided(unsigned, policy), why);
});

test("a setting for senders helps nobody who names others, too, or too many (POL-13, POL-20)", async () => {
  const senders = [rule(".partner.test", { actions: { none: "deliver" } })];
  assert.match(await decided(from("a@b.partner.test", "c@strict.test"), { senders }), /^reject strict\.test/);
  assert.match(await decided(from("c@strict.test", "a@b.partner.test"), { senders }), /^reject strict\.test/);
  const many = Array.from({ length: 9 }, (_, n) => `a@d${n}.partner.test`);
  assert.equal(await decided(from(...many), { senders }), "reject");
  assert.match(await decided(from(...many.slice(1)), { senders }), /^deliver policy\.senders/);
});

test("trusted networks, DKIM domains and ARC sealers override p and damage, and are named (ACT-6, REC-4)", async () => {
  const unsigned = from("a@strict.test");
  const damaged = border.signed(MESSAGE).replace("Noon?", "Now!");
  const arc = (sealers: string[], over: Partial<NeighbourResults["arc"]> = {}): NeighbourResults => ({
    ...nothingKnown,
    arc: { result: "pass", sealers, recordedPass: { vsmtp: false, dmarc: true }, ...over },
  });
  const dkim = (result: "pass" | "fail"): NeighbourResults => ({
    ...nothingKnown,
    dkim: [{ result, domain: "lists.test", selector: "s" }],
  });
  const rows: [TrustedSource, NeighbourResults, boolean][] = [
    [source("x", { clients: ["127.0.0.0/8"] }), nothingKnown, true],
    [source("x", { clients: ["192.0.2.0/24", "2001:db8::/32"] }), nothingKnown, false],
    [source("x", { dkim: ["lists.test"] }), dkim("pass"), true],
    [source("x", { dkim: ["lists.test"] }), dkim("fail"), false],
    [source("x", { dkim: [".lists.test"] }), dkim("pass"), false],
    [source("x", { arc: ["a.test", ".b.test"] }), arc(["a.test", "c.b.test"]), true],
    [source("x", { arc: ["a.test"] }), arc(["a.test", "evil.test"]), false],
    [source("x", { arc: ["a.test"] }), arc(["a.test"], { result: "fail" }), false],
    [
      source("x", { arc: ["a.test"] }),
      arc(["a.test"], { recordedPass: { vsmtp: false, dmarc: false } }),
      false,
    ],
    [source("x", { arc: ["a.test"] }), arc([]), false],
  ];
  for (const [trusted, neighbours, counts] of rows) {
    border.neighbours = neighbours;
    const policy = { trusted: [source("other", { forwarders: ["nobody@a.test"] }), trusted] };
    const row = JSON.stringify([trusted, neighbours.arc, neighbours.dkim]);
    assert.equal(await decided(unsigned, policy), counts ? "deliver x" : "reject strict.test", row);
    assert.equal(await decided(damaged, policy), counts ? "deliver x" : "tag", row);
    assert.equal(
      await decided(unsigned, { ...policy, stage: "require" }),
      counts ? "deliver x" : "reject",
      row,
    );
  }
  border.neighbours = nothingKnown;
  await border.send(unsigned, { trusted: [source("our.lists", { clients: ["127.0.0.1/32"] })] });
  const [stored] = await border.queued();
  assert.match(
    stored ?? "",
    /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=none policy\.override=our\.lists\r\nReceived/,
  );
});

test("trust excuses nothing where only proved mail is of use, as to a list of members", async () => {
  const trusted = [source("x", { clients: ["127.0.0.1/32"] })];
  const actions = { none: "reject" as const };
  border.domains = [{ name: "dest.test", stage: null, actions, senders: [], excusesNobody: true }];
  assert.equal(await decided(MESSAGE, { trusted }), "reject domains[dest.test].lists.posts.none");
  border.domains = [{ name: "dest.test", stage: null, actions, senders: [] }];
  assert.equal(await decided(MESSAGE, { trusted }), "deliver x");
});

test("trust excuses no refusal and no broken message", async () => {
  const trusted = [source("x", { clients: ["127.0.0.1/32"] })];
  const expired = border.signed(MESSAGE, { expiresAt: 1_800_000_000 - 1, signedAt: 1_800_000_000 - 100 });
  assert.equal(await decided(expired, { trusted }), "reject");
  const broken = `VSMTP-Signature: v=1; nonsense\r\n${MESSAGE}`;
  assert.equal(await decided(broken, { trusted }), "reject");
});

test("mail to others than it was addressed to is judged by who brings it, not by its author (VER-17, VER-18)", async () => {
  const carol = parseAddress("carol@dest.test");
  assert.ok(carol.ok);
  const replayed = border.signed(MESSAGE, { recipients: [carol.address] });
  assert.equal(await decided(replayed), "deliver");
  assert.equal(await decided(replayed, { mismatch: "tag" }), "tag policy.mismatch");
  await border.send(replayed, { mismatch: "quarantine" });
  assert.match(
    (await border.queued())[0] ?? "",
    /^X-VSMTP-Flag: quarantine; VSMTP\/pass; policy\.mismatch\r$/m,
  );
  assert.equal(await decided(border.signed(MESSAGE), { mismatch: "tag" }), "deliver", "to all");
  const trusted = [source("x", { clients: ["127.0.0.1/32"] })];
  assert.equal(await decided(replayed, { mismatch: "tag", trusted }), "deliver");
  // A good author's name is no recommendation here; a bad one's stays what it is.
  const actions = { pass: "tag" as const };
  const good = [rule("someisp.test", { actions: { pass: "deliver" } })];
  const bad = [rule("someisp.test", { actions: { pass: "quarantine" } })];
  assert.equal(await decided(replayed, { actions, senders: good }), "tag policy.actions.pass");
  assert.match(await decided(border.signed(MESSAGE), { actions, senders: good }), /^deliver policy\.senders/);
  assert.match(await decided(replayed, { senders: bad }), /^quarantine policy\.senders/);
});

test("mail that passes DMARC is excused from its domain's p, where the operator says so", async () => {
  const dmarc = (domain: string | null, result: "pass" | "fail" = "pass"): NeighbourResults => ({
    ...nothingKnown,
    dmarc: { result, domain, policy: "reject" },
  });
  const unsigned = from("a@strict.test");
  border.neighbours = dmarc("strict.test");
  assert.equal(await decided(unsigned), "reject strict.test");
  assert.equal(await decided(unsigned, { dmarcOverrides: true }), "deliver strict.test");
  await border.send(unsigned, { dmarcOverrides: true });
  assert.match((await border.queued())[0] ?? "", /vsmtp=none policy\.override=dmarc\r\n/);
  border.neighbours = dmarc("strict.test", "fail");
  assert.equal(await decided(unsigned, { dmarcOverrides: true }), "reject strict.test");
  // Where they read From otherwise than we, their word is about another domain.
  border.neighbours = dmarc("evil.test");
  assert.equal(await decided(unsigned, { dmarcOverrides: true }), "reject strict.test");
  border.neighbours = dmarc("evil.test");
  const both = { dmarcOverrides: true };
  assert.equal(await decided(from("a@evil.test", "a@strict.test"), both), "reject strict.test");
});

test("tagged mail carries the operator's fields and a word before its subject; forged ones go (REC-2)", async () => {
  const tag = { subject: "[unverified]", fields: [{ name: "X-Spam-Flag", value: "YES" }] };
  const mark = async (message: string, policy: Partial<PolicySettings> = {}): Promise<string> => {
    await border.send(message, { stage: "observe", tag, ...policy });
    return (await border.queued())[0] ?? "";
  };
  const forged = `x-spam-flag: NO\r\nX-Spam-Status: kept\r\n${MESSAGE}`;
  const stored = await mark(forged);
  assert.match(
    stored,
    /\r\nX-VSMTP-Flag: tag; VSMTP\/unsigned\r\nX-Spam-Flag: YES\r\nReceived: from out\.test [\s\S]*\r\nX-Spam-Status: kept\r\nFrom: /,
  );
  assert.doesNotMatch(stored, /flag: NO/);
  assert.match(stored, /\r\nSubject: \[unverified\] Lunch\?\r\n\r\nNoon\?\r\n$/);
  const subjects: [written: string, marked: string][] = [
    ["Subject:Lunch?", "Subject: [unverified] Lunch?"],
    ["Subject:\r\n Lunch?", "Subject: [unverified]\r\n Lunch?"],
    ["Subject:", "Subject: [unverified]"],
    ["Subject: =?utf-8?q?Mittag=3F?=", "Subject: [unverified] =?utf-8?q?Mittag=3F?="],
    ["Subject: Re: [unverified] Lunch?", "Subject: Re: [unverified] Lunch?"],
    [`Subject: ${"x".repeat(980)}`, `Subject: [unverified]\r\n ${"x".repeat(980)}`],
  ];
  for (const [written, marked] of subjects) {
    const message = await mark(MESSAGE.replace("Subject: Lunch?", written));
    assert.ok(message.includes(`\r\n${marked}\r\n\r\nNoon?`), message);
  }
  const without = await mark(MESSAGE.replace("Subject: Lunch?\r\n", ""));
  assert.match(without, /\r\nSubject: \[unverified\]\r\nFrom: /);
  const passing = await mark(border.signed(MESSAGE).replace(/^/, "X-Spam-Flag: YES\r\n"));
  assert.doesNotMatch(passing, /X-Spam-Flag|X-VSMTP-Flag|unverified/);
  const quarantined = await mark(MESSAGE, { stage: "enforce", actions: { none: "quarantine" } });
  assert.match(quarantined, /X-VSMTP-Flag: quarantine; VSMTP\/unsigned\r\nX-Spam-Flag: YES\r\n/);
  assert.match(quarantined, /\r\nSubject: Lunch\?/);
});

test("recipients with other settings come one domain at a time, and each round gets somewhere", async () => {
  const name = ["a.test", "b.test", "c.test", "d.test"];
  border.domains = [
    { name: "a.test", stage: "observe", actions: {}, senders: [] },
    { name: "b.test", stage: null, actions: {}, senders: [] },
    { name: "c.test", stage: null, actions: {}, senders: [rule("x.test", { stage: "require" })] },
    { name: "d.test", stage: "observe", actions: {}, senders: [] },
  ];
  let left = name.flatMap((domain) => [`u@${domain}`, `v@${domain}`]);
  const rounds: string[][] = [];
  while (left.length > 0) {
    const replies = await border.send(border.signed(MESSAGE), {}, left);
    rounds.push(left.filter((_, index) => replies[index]?.startsWith("250")));
    assert.ok(
      replies.every((reply) => /^250 |^452 4\.5\.3 /.test(reply)),
      replies.join("\n"),
    );
    left = left.filter((_, index) => !replies[index]?.startsWith("250"));
  }
  assert.deepEqual(rounds, [
    ["u@a.test", "v@a.test", "u@d.test", "v@d.test"],
    ["u@b.test", "v@b.test"],
    ["u@c.test", "v@c.test"],
  ]);
  while ((await border.queued()).length > 0);
});

test("the first recipient's settings count for all, also when his mailbox goes meanwhile", async () => {
  const strict = { name: "dest.test", stage: "require" as const, actions: {}, senders: [] };
  border.domains = [strict, { name: "other.test", stage: null, actions: {}, senders: [] }];
  const talker = await Talker.hello(await border.listen());
  await talker.ask("MAIL FROM:<a@x.test>");
  assert.match(await talker.ask("RCPT TO:<bob@dest.test>"), /^250/);
  border.domains = border.domains.slice(1);
  assert.match(await talker.ask("RCPT TO:<carol@other.test>"), /^452 4\.5\.3/);
  await talker.ask("DATA");
  talker.send(`${from("a@x.test")}.\r\n`);
  assert.match(await talker.reply(), /^550 5\.7\.1 VSMTP\/unsigned/);
  talker.destroy();
});

test("the event has what a log needs", async () => {
  const message = `Message-ID: <1@strict.test>\r\n${from("A <a@strict.test>", "b@other.test")}`;
  await border.send(message);
  const event = border.events.at(-1);
  assert.ok(event);
  assert.deepEqual(event.message, {
    octets: message.length,
    from: [
      { localPart: "a", domain: "strict.test" },
      { localPart: "b", domain: "other.test" },
    ],
    messageId: "<1@strict.test>",
  });
  assert.deepEqual(event.policy, { wanted: "reject", domain: "strict.test", testing: false });
  assert.deepEqual(
    [event.decision.stage, event.queuedAs, event.took.queueing],
    [defaultPolicy.stage, null, null],
  );
  assert.match(event.id, /^\S{10,}$/);
  assert.ok(event.took.receiving >= 0 && event.took.verifying >= 0);
});
