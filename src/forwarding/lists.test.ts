import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import type { DnsAnswer, PolicyAnswer, Resolver } from "../dns/index.ts";
import { fieldText, parseHeader, parseMailboxes } from "../message/index.ts";
import { DkimSigner, loadDkimKey } from "../signature/index.ts";
import { modes } from "../submission/test-modes.ts";
import { bearsAlteredMail } from "./index.ts";
import { listHeader } from "./list-header.ts";
import { octetsOf, openSite, RECEIVED, recordedField } from "./test-site.ts";

const toTeam = { to: "team@here.test" };

for (const mode of modes) {
  test(`a list signs its posts, also From authors elsewhere, and counts them, ${mode} (CUS-6, PRV-17, LIF-14)`, async (t) => {
    const site = await openSite(t, { mode, lists: { team: {} } });
    const octets = await site.letter(toTeam);
    const post = await site.expand("team@here.test", octets);
    assert.match(post.result.text, /^sent to 2 members as \w{16} and on, with the list as Sender$/);
    assert.equal(await site.judged(post, "dora@end.test"), "sender-only team@here.test match");
    const [message] = post.messages;
    assert.deepEqual(
      [message?.sender, message?.kids.length, typeof message?.account],
      ["team-bounces@here.test", 1, "string"],
    );
    assert.doesNotMatch(String(await octetsOf(message as never)), /i=anna@far\.test;/);
    // Two posts to two members each are what the list's account may send in a period.
    assert.equal((await site.expand("team@here.test", octets)).messages.length, 2);
    const third = await site.expand("team@here.test", octets);
    assert.deepEqual([third.result.kind, third.result.enhanced], ["deferred", "4.7.28"]);
  });
}

test("posts From the list pass, and answers find the author", async (t) => {
  const site = await openSite(t, {
    forwarding: { bearsAlteredMail: async () => false },
    lists: { team: {} },
  });
  const post = await site.expand("team@here.test", await site.letter(toTeam));
  assert.equal(await site.judged(post, "dora@end.test"), "pass team@here.test match");
  const text = String(await octetsOf(post.messages[0] as never));
  assert.match(text, /\r\nFrom: "Anna via team" <team@here\.test>\r\nReply-To: Anna <anna@far\.test>\r\n/);
});

test("the domain's DKIM key signs what the list sends, as it stands (SIG-58)", async (t) => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const loaded = loadDkimKey(privateKey.export({ type: "pkcs8", format: "pem" }));
  assert.ok(loaded.ok);
  const dkim = new Map([
    ["here.test", [new DkimSigner({ domain: "here.test", selector: "s1", key: loaded.key })]],
  ]);
  const site = await openSite(t, { forwarding: { dkim }, lists: { team: { subjectPrefix: "[t]" } } });
  const post = await site.expand("team@here.test", await site.letter(toTeam));
  assert.match(
    String(post.messages[0]?.prefix),
    /^DKIM-Signature: .*d=here\.test;[\s\S]*\r\nVSMTP-Signature: v=1; a=/,
  );
  const forwards = { bob: { to: ["bob@end.test"], keep: false } };
  const other = await openSite(t, { forwarding: { dkim }, forwards });
  const passed = await other.expand("bob@here.test", await other.letter({ to: "bob@here.test" }));
  assert.doesNotMatch(String(passed.messages[0]?.prefix), /DKIM/, "what others wrote is not ours to sign");
});

test("a post to a list that nobody can sign for, or not now, waits", async (t) => {
  const site = await openSite(t, { mode: "remote, SIGN", lists: { team: {}, ghost: {} } });
  const ghost = await site.expand("ghost@here.test", await site.letter({ to: "ghost@here.test" }));
  assert.deepEqual([ghost.result.kind, ghost.result.enhanced], ["deferred", "4.3.5"]);
  assert.match(ghost.result.text, /ghost@here\.test has no account here/);
  const octets = await site.letter(toTeam);
  await site.setUp.stopVault();
  assert.deepEqual((await site.expand("team@here.test", octets)).result.enhanced, "4.4.3");
});

test("who may write to a list for members: a proved author who is one of them", async (t) => {
  const site = await openSite(t, { lists: { team: { posts: "members" } } });
  const octets = await site.letter(toTeam);
  const behind = octets.subarray(octets.indexOf("VSMTP-Signature"));
  /** Each in a period of its own. */
  const post = async (recorded: string, message: Parameters<typeof site.expand>[2] = {}) => {
    site.clock.nowMs += 2 * 3_600_000;
    const border = recorded === "" ? "" : recordedField(recorded) + RECEIVED;
    const { result, messages } = await site.expand(
      "team@here.test",
      Buffer.concat([Buffer.from(border), behind]),
      message,
    );
    return messages.length > 0 ? "sent" : `${result.kind} ${result.text}`;
  };
  const unproved = "delivered dropped: its author is not proved";
  assert.equal(await post("vsmtp=pass policy.align=from"), "sent");
  assert.equal(await post("vsmtp=pass policy.align=agent; spf=fail"), "sent");
  for (const recorded of [
    "vsmtp=neutral policy.align=sender",
    "vsmtp=pass",
    "vsmtp=pass policy.align=sender",
    "dmarc=pass; spf=pass",
    'vsmtp=fail reason="body"',
  ]) {
    assert.equal(await post(recorded), unproved, recorded);
    // What a list of ours passed on is not proved by the list's account.
    assert.equal(await post(recorded, { account: "a1" }), unproved, recorded);
  }
  // A letter of a member's to somebody else, whom nobody asked to send it here.
  const replayed = "vsmtp=pass policy.align=from policy.rcpt=mismatch";
  assert.match(await post(replayed), /^failed only members may write to .*, and this was signed for others$/);
  assert.equal(await post("vsmtp=pass policy.align=from policy.rcpt=forwarded"), "sent");
  assert.equal(await post(""), unproved);
  assert.equal(await post("", { account: "a1" }), "sent", "a user of ours");
  const stranger = Buffer.concat([
    Buffer.from(recordedField("vsmtp=pass policy.align=from") + RECEIVED),
    Buffer.from("From: eve@far.test\r\nTo: team@here.test\r\n\r\nx\r\n"),
  ]);
  const { result } = await site.expand("team@here.test", stranger);
  assert.deepEqual([result.kind, result.enhanced], ["failed", "5.7.2"]);
});

test("what is not for lists: automatic mail, its own posts, what is malformed or suspicious", async (t) => {
  const site = await openSite(t, { lists: { team: { posts: "anyone" } } });
  const post = async (header: string, message: Parameters<typeof site.expand>[2] = {}) => {
    const { result, messages } = await site.expand(
      "team@here.test",
      Buffer.from(`${RECEIVED}${header}Subject: x\r\n\r\nx\r\n`),
      message,
    );
    return messages.length > 0 ? "sent" : `${result.enhanced} ${result.text}`;
  };
  const from = "From: anna@far.test\r\n";
  assert.equal(await post(from, { sender: "" }), "2.1.5 dropped: automatic mail is not for lists");
  assert.equal(
    await post(`${from}Auto-Submitted: auto-replied\r\n`),
    "2.1.5 dropped: automatic mail is not for lists",
  );
  assert.match(await post(`${from}List-Id: Team <Team.Here.test>\r\n`), /^5\.4\.6 .*mail loop/);
  assert.match(await post(`${from}Delivered-To: team@here.test\r\n`), /^5\.4\.6 .*mail loop/);
  assert.match(await post(from, { suspicious: true }), /^5\.7\.1 suspicious/);
  for (const bad of [
    "",
    "From: <>\r\n",
    from + from,
    "From: a@[192.0.2.1]\r\n",
    "From: anna@far.test, \r\n",
  ]) {
    const said = await post(bad);
    if (bad.includes(", ")) assert.equal(said, "sent");
    else assert.match(said, /^5\.6\.0 its From cannot be read$/, bad);
  }
  assert.match(
    await post(`${from}To: a@b.test\r\nTo: c@d.test\r\n`),
    /^5\.6\.0 the list cannot sign it: .*2 to fields/,
  );
  assert.match(await post(`${from}X: a\0b\r\n`), /^5\.6\.0 .*NUL/);
  assert.equal(await post(`${from}Auto-Submitted: no\r\nList-Id: <other.here.test>\r\n`), "sent");
});

test("what comes back goes to the owner; without one it ends here", async (t) => {
  const lists = { team: { owner: "olga@far.test" }, quiet: {} };
  const { expand } = await openSite(t, { lists });
  const report = Buffer.from("From: mailer-daemon@end.test\r\n\r\nx\r\n");
  const kept = await expand("team-bounces@here.test", report, { sender: "" });
  assert.deepEqual(kept.messages[0]?.recipients[0]?.address, "olga@far.test");
  assert.equal(kept.messages[0]?.sender, "");
  const gone = await expand("quiet-owner@here.test", report, { sender: "" });
  assert.equal(gone.result.text, "dropped: nobody owns this address");
});

test("members come from a file, which is read again when it has changed", async (t) => {
  const path = join(tmpdir(), `vsmtp-members-${process.pid}`);
  t.after(() => rmSync(path, { force: true }));
  const site = await openSite(t, { lists: { team: { members: { kind: "file", path } } } });
  const octets = await site.letter(toTeam);
  const members = async () => {
    const { messages, result } = await site.expand("team@here.test", octets);
    return messages.length === 0
      ? result.text
      : messages.flatMap((one) => one.recipients.map(({ address }) => address));
  };
  assert.equal(await members(), "the members of the list cannot be read now");
  assert.match(site.problems.splice(0)[0] ?? "", /ENOENT/);
  writeFileSync(
    path,
    "# the team\r\nAnna@far.test   # its head\n\n not an address\nanna@FAR.test\nü@far.test\n",
  );
  assert.deepEqual(await members(), ["anna@FAR.test", "ü@far.test"]);
  assert.match(site.problems.splice(0)[0] ?? "", /^line 4 is no address: /);
  await sleep(5);
  writeFileSync(path, "anna@far.test\n");
  assert.deepEqual(await members(), ["anna@far.test"]);
  assert.deepEqual(site.problems, []);
});

test("whether a domain bears altered mail: its VSMTP policy and DMARC's decide, and doubt counts against it", async () => {
  const policy = (answer: PolicyAnswer) => ({ policyFor: async () => answer }) as never;
  const dmarc = (zones: Record<string, string | "failure">) => {
    const txt = async (name: string): Promise<DnsAnswer<string>> => {
      const record = zones[name];
      if (record === undefined) return { kind: "nxdomain", authenticated: false, ttlSeconds: 1 };
      if (record === "failure") return { kind: "failure", detail: "SERVFAIL" };
      return { kind: "records", records: record.split("|"), authenticated: false, ttlSeconds: 1 };
    };
    return { txt } as unknown as Resolver;
  };
  const none: PolicyAnswer = { kind: "none" } as never;
  const bears = (answer: PolicyAnswer, zones = {}) =>
    bearsAlteredMail(policy(answer), dmarc(zones))("a.b.test");
  const strict = { kind: "policy", domain: "b.test", policy: "reject", testing: false } as never;
  assert.equal(await bears(none), true);
  assert.equal(await bears(strict), false);
  assert.equal(await bears({ ...(strict as object), testing: true } as never), true);
  assert.equal(await bears({ ...(strict as object), policy: "none" } as never), true);
  assert.equal(await bears({ kind: "failure", detail: "x" } as never), false);
  assert.equal(await bears(none, { "_dmarc.a.b.test": "v=DMARC1; p=reject" }), false);
  assert.equal(await bears(none, { "_dmarc.a.b.test": "v=DMARC1;p=none; sp=reject" }), true);
  assert.equal(await bears(none, { "_dmarc.b.test": "v=DMARC1; p=none; sp=quarantine" }), false);
  assert.equal(await bears(none, { "_dmarc.b.test": "v=DMARC1; p=Reject" }), false);
  assert.equal(await bears(none, { "_dmarc.b.test": "v=DMARC1; p=reject; t=y" }), true);
  assert.equal(
    await bears(none, { "_dmarc.a.b.test": "something else", "_dmarc.b.test": "v=DMARC1; p=reject" }),
    false,
  );
  assert.equal(await bears(none, { "_dmarc.a.b.test": "failure" }), false);
});

const team = { localPart: "team", domain: "here.test" };

test("whatever a header holds, a post's has one From that is the list's, one Subject, and lines that may be", () => {
  const words = fc.constantFrom(
    'From: "a" <a@b.test>',
    "From: =?utf-8?q?J=C3=BCrgen?= X <j@b.test>",
    'From: "=?utf-8?q?a?=\\" <evil@x.test>, \\"" <a@b.test>',
    "From: a@b.test,\r\n c@d.test",
    "From: ü <ü@b.test>",
    `From: ${"x".repeat(900)} <a@b.test>`,
    `From: ${"=?utf-8?q?x?= ".repeat(60)}<a@b.test>`,
    "Subject: x",
    "Subject:",
    "Subject:\r\n x",
    "Subject: Re: [team] x",
    `Subject: ${"y".repeat(980)}`,
    "Sender: a@b.test",
    "Reply-To: a@b.test",
    "List-Id: <x>",
    "X: y\r\n\t",
  );
  const lines = fc.array(words, { maxLength: 6 });
  fc.assert(
    fc.property(lines, fc.boolean(), (fields, rewriteFrom) => {
      const author = fields.find((one) => one.startsWith("From")) ?? "From: z@b.test";
      const others = fields.filter((one) => !one.startsWith("From"));
      const header = parseHeader(Buffer.from(`${[author, ...others].join("\r\n")}\r\n`));
      const post = listHeader(header, { address: team, name: "team", rewriteFrom, subjectPrefix: "[team]" });
      assert.equal(post.fault, null, post.octets.toString());
      const values = (name: string) =>
        post.fields.filter((field) => field.name === name).map((field) => fieldText(post, field));
      const [from = "", ...more] = values("from");
      const parsed = parseMailboxes(from);
      assert.ok(parsed.ok && more.length === 0, from);
      const sender = values("sender");
      if (rewriteFrom) {
        assert.deepEqual(
          parsed.mailboxes.map(({ address }) => address.localPart),
          ["team"],
          from,
        );
        assert.deepEqual(sender, []);
        assert.equal(
          values("reply-to").length,
          Math.max(1, fields.filter((one) => one.startsWith("Reply")).length),
        );
      } else assert.deepEqual(sender, ["team@here.test"]);
      assert.deepEqual(values("list-id"), ["<team.here.test>"]);
      for (const subject of values("subject")) assert.match(subject, /\[team\]/);
      assert.ok(values("subject").length >= 1);
    }),
    { numRuns: 300 },
  );
});

test("names of authors are shown as they were, and cannot be more than a name", () => {
  const shown = (from: string) => {
    const header = parseHeader(Buffer.from(`From: ${from}\r\n`));
    const options = { address: team, name: "team", rewriteFrom: true, subjectPrefix: null };
    const post = listHeader(header, options);
    const field = post.fields.find(({ name }) => name === "from");
    return field && fieldText(post, field);
  };
  assert.equal(shown("Anna <anna@far.test>"), '"Anna via team" <team@here.test>');
  assert.equal(shown("anna@far.test"), '"anna@far.test via team" <team@here.test>');
  assert.equal(
    shown('"Anna \\"A\\" <x@y>" <anna@far.test>'),
    '"Anna \\"A\\" <x@y> via team" <team@here.test>',
  );
  assert.equal(
    shown("=?utf-8?q?J=C3=BCrgen?= M <a@b.test>"),
    "=?utf-8?q?J=C3=BCrgen?= M via team <team@here.test>",
  );
  assert.equal(shown('"=?utf-8?q?a?= <e@x>" <a@b.test>'), '"=?utf-8?q?a?= <e@x> via team" <team@here.test>');
});

test("no name of an author takes long to be shown", () => {
  const began = performance.now();
  for (const name of ["a", "=?", "=?a?q?", "a ", "=?a?q?b?=", "?="]) {
    for (const end of ["@", '\\"', "(", "?"]) {
      const header = parseHeader(Buffer.from(`From: "=?${name.repeat(150)}${end}" <a@b.test>\r\n`));
      listHeader(header, { address: team, name: "team", rewriteFrom: true, subjectPrefix: null });
    }
  }
  assert.ok(performance.now() - began < 2000);
});

test("lists that are members of each other end the circle, though each takes the other's List-Id away", async (t) => {
  const site = await openSite(t, {
    lists: {
      team: { posts: "anyone", members: { kind: "listed", addresses: ["bob@here.test", "dora@end.test"] } },
      bob: { posts: "anyone", members: { kind: "listed", addresses: ["team@here.test"] } },
    },
  });
  const first = await site.expand("team@here.test", await site.letter(toTeam));
  const toBob = first.messages.find(({ recipients }) => recipients[0]?.address === "bob@here.test");
  const second = await site.expand("bob@here.test", await octetsOf(toBob as never));
  assert.equal(second.messages.length, 1);
  const third = await site.expand("team@here.test", await octetsOf(second.messages[0] as never));
  assert.deepEqual([third.result.kind, third.result.enhanced, third.messages.length], ["failed", "5.4.6", 0]);
});
