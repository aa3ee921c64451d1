import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { User } from "../src/playground/index.ts";
import { type Judged, ProviderNetwork } from "./support/provider-network.ts";

// Three providers, each with accounts, key server and MX of its own: what each of them says of mail that others pass on.

let network: ProviderNetwork;
const users: Record<string, User> = {};

/** The verdict as people speak of it. */
function said({ verdict: { result, reason, identity, align, rcpt, forwarder } }: Judged) {
  return [result, reason, identity, align, rcpt, forwarder];
}

function user(address: string): User {
  return users[address] as User;
}

before(async () => {
  network = await ProviderNetwork.start([
    {
      name: "author.test",
      policy: "v=VSMTP1; p=reject",
      settings: '[domains.forwards]\nback = "max@author.test"\n',
    },
    { name: "mild.test" },
    {
      name: "middle.test",
      settings: `[domains.forwards]
bob = "bob@end.test"
kept = { to = ["kept@end.test", "anna@author.test"], keep = true }
info = ["bob@middle.test", "carol@middle.test"]
circle = "circle@end.test"
[domains.lists.team]
members_file = "members"
subject_prefix = "[team]"
owner = "carol@middle.test"
[domains.lists.open]
members = ["dora@end.test"]
posts = "anyone"
from = "sender"
`,
    },
    {
      name: "end.test",
      settings: '[domains.forwards]\ndora = "anna@author.test"\ncircle = "circle@middle.test"\n',
    },
  ]);
  const middle = network.at("middle.test");
  writeFileSync(
    join(middle.folder, "members"),
    "# who gets it\nanna@author.test\nmild@mild.test\nbob@end.test\ndora@end.test\n",
  );
  for (const address of [
    "anna@author.test",
    "max@author.test",
    "mild@mild.test",
    "bob@middle.test",
    "carol@middle.test",
    "info@middle.test",
    "kept@middle.test",
    "circle@middle.test",
    "team@middle.test",
    "open@middle.test",
    "bob@end.test",
    "kept@end.test",
    "dora@end.test",
    "circle@end.test",
  ]) {
    users[address] = await network.addUser(address);
  }
});

after(() => network.stop());

test("a redirect adds a level: the next provider knows who passed it on, and the author's word holds (CUS-1, CUS-2)", async () => {
  const id = await network.send({ from: user("anna@author.test"), to: ["bob@middle.test"] });
  assert.deepEqual(said(await network.judged(id, "bob@middle.test")), [
    "pass",
    null,
    "anna@author.test",
    "from",
    "match",
    null,
  ]);
  assert.deepEqual(said(await network.judged(id, "bob@end.test")), [
    "pass",
    null,
    "anna@author.test",
    "from",
    "forwarded",
    "bob@middle.test",
  ]);
  const stored = await network.inMailbox("bob@end.test", id);
  assert.match(stored, /^Return-Path: <anna@author\.test>\r\n/, "the reverse path is the author's");
  assert.match(stored, /\r\nDelivered-To: bob@middle\.test\r\n/);
  assert.match(stored, /\r\nVSMTP-Signature: v=1; n=1; /);
  // CUS-7: what the forwarder's border saw goes along.
  assert.match(stored, /\r\nAuthentication-Results: mx\.middle\.test;\r\n vsmtp=pass /);
  assert.deepEqual(network.mailbox("bob@middle.test"), []);
});

test("an alias, then a redirect: three levels, and the top one answers for the delivery (CUS-3)", async () => {
  const id = await network.send({ from: user("anna@author.test"), to: ["info@middle.test"] });
  const judged = await network.judged(id, "bob@end.test");
  assert.deepEqual(said(judged).slice(4), ["forwarded", "bob@middle.test"]);
  const stored = await network.inMailbox("bob@end.test", id);
  assert.deepEqual(
    [...stored.matchAll(/^VSMTP-Signature: v=1;(?: n=(\d);)?/gm)].map(([, level]) => level ?? "0"),
    ["2", "1", "0"],
  );
  assert.match(
    await network.inMailbox("carol@middle.test", id),
    /^Return-Path: .*\r\nDelivered-To: carol@middle/,
  );
});

test("kept and passed on: to several, each of whom sees nothing of the others", async () => {
  const id = await network.send({ from: user("max@author.test"), to: ["kept@middle.test"] });
  const copies = [
    await network.inMailbox("kept@middle.test", id),
    await network.inMailbox("kept@end.test", id),
    await network.inMailbox("anna@author.test", id),
  ];
  for (const recipient of ["kept@end.test", "anna@author.test"]) {
    assert.deepEqual(said(await network.judged(id, recipient)).slice(4), ["forwarded", "kept@middle.test"]);
  }
  assert.ok(!copies[1]?.includes("anna@author.test") && !copies[2]?.includes("kept@end.test"));
});

test("a circle of forwards ends: signed mail is known again, for other mail the author hears of it", async () => {
  const id = await network.send({ from: user("max@author.test"), to: ["circle@middle.test"] });
  assert.deepEqual(said(await network.judged(id, "circle@end.test")).slice(4), [
    "forwarded",
    "circle@middle.test",
  ]);
  const circle = "From: mild@mild.test\r\nMessage-ID: <circle@mild.test>\r\nSubject: x\r\n\r\nx\r\n";
  assert.match(await network.inject("mild@mild.test", "circle@middle.test", circle), /^250 /);
  const report = await network.found("mild@mild.test", (text) =>
    text.includes("Not delivered: your message to circle@middle.test"),
  );
  assert.match(report, /Status: 5\.4\.6\r\n[\s\S]*mail loop/);
  assert.equal(network.timesJudged("<circle@mild.test>"), 3);
  assert.equal(network.timesJudged(id), 3);
  const [, again] = network.allJudged(id, "circle@middle.test");
  assert.deepEqual([again?.repeated, again?.decision.action], [true, "discard"]);
});

test("who passes mail on without adding a level looks like a replay, and is not refused for it (VER-17)", async () => {
  const id = await network.send({ from: user("anna@author.test"), to: ["carol@middle.test"] });
  const copy = await network.inMailbox("carol@middle.test", id);
  const mismatch = ["pass", null, "anna@author.test", "from", "mismatch", null];
  assert.match(await network.inject("anna@author.test", "kept@end.test", copy), /^250 /);
  assert.deepEqual(said(await network.judged(id, "kept@end.test")), mismatch);
  // What was not signed for an address gets no level from it: it could not hold.
  assert.match(await network.inject("anna@author.test", "bob@middle.test", copy), /^250 /);
  assert.deepEqual(said(await network.judged(id, "bob@end.test")), mismatch);
  assert.doesNotMatch(await network.inMailbox("bob@end.test", id), /^VSMTP-Signature: v=1; n=1;/m);
});

test("mail for exactly its recipients: a forwarder who signs may pass it on, others not (VER-20)", async () => {
  const exact = await network.signExact(user("anna@author.test"), "bob@middle.test");
  assert.match(await network.inject("anna@author.test", "bob@middle.test", exact.octets), /^250 /);
  assert.deepEqual(said(await network.judged(exact.messageId, "bob@end.test")), [
    "pass",
    null,
    "anna@author.test",
    "from",
    "forwarded",
    "bob@middle.test",
  ]);
  assert.match(
    await network.inject("anna@author.test", "kept@end.test", exact.octets),
    /^550 5\.7\.5 VSMTP\/exact /,
  );
});

test("a user redirects what he got: his provider verifies it, and adds a level in his name (CUS-2, SIG-52)", async () => {
  const carol = user("carol@middle.test");
  const resent =
    "Resent-From: carol@middle.test\r\nResent-To: bob@end.test\r\nResent-Message-ID: <r@middle.test>\r\n";
  const id = await network.send({ from: user("anna@author.test"), to: ["carol@middle.test"] });
  const copy = await network.inMailbox("carol@middle.test", id);
  await network.submit(carol, ["bob@end.test"], resent + copy);
  assert.deepEqual(said(await network.judged(id, "bob@end.test")), [
    "pass",
    null,
    "anna@author.test",
    "from",
    "forwarded",
    "carol@middle.test",
  ]);
  const not = (octets: string, by = carol) =>
    assert.rejects(network.submit(by, ["bob@end.test"], octets), /550 5\.7\.1/);
  await not(copy);
  await not(resent + copy.replace("100 EUR", "900 EUR"));
  await not(resent + copy.replace("Subject: Hello", "Subject: Urgent"));
  await not(resent.replace("carol", "bob") + copy);
  await not(resent + copy, user("kept@middle.test"));
  await not(`${resent}From: anna@author.test\r\n\r\nx\r\n`);
  // Somebody whom it was not signed for cannot pass it on, though he has it.
  await not(resent.replaceAll("carol@middle", "kept@middle") + copy, user("kept@middle.test"));
});

test("a forwarder who alters the text breaks it: the author's policy decides", async () => {
  const id = await network.send({ from: user("anna@author.test"), to: ["kept@middle.test"] });
  const copy = (await network.inMailbox("kept@end.test", id)).replace("100 EUR", "900 EUR");
  assert.match(
    await network.inject("anna@author.test", "kept@end.test", copy),
    /^550 5\.7\.1 VSMTP\/body the From domain wants/,
  );
  const mild = await network.send({ from: user("mild@mild.test"), to: ["kept@middle.test"] });
  const other = (await network.inMailbox("kept@end.test", mild)).replace("100 EUR", "900 EUR");
  assert.match(await network.inject("mild@mild.test", "kept@end.test", other), /^250 /);
  const tagged = await network.found("kept@end.test", (text) => text.includes("900 EUR"));
  assert.match(tagged, /^X-VSMTP-Flag: tag; VSMTP\/body\r$/m);
});

test("a list rewrites From where the author's domain wants altered mail refused: it passes, also when passed on (CUS-6)", async () => {
  const id = await network.send({
    from: user("anna@author.test"),
    to: ["team@middle.test"],
    subject: "News",
  });
  const pass = ["pass", null, "team@middle.test", "from"];
  for (const member of ["mild@mild.test", "bob@end.test", "dora@end.test"]) {
    assert.deepEqual(said(await network.judged(id, member)), [...pass, "match", null], member);
  }
  const post = await network.inMailbox("bob@end.test", id);
  assert.match(post, /^Return-Path: <team-bounces@middle\.test>\r\n/);
  for (const field of [
    'From: "Author via team" <team@middle.test>',
    "Reply-To: Author <anna@author.test>",
    "To: team@middle.test",
    "Subject: [team] News",
    "List-Id: <team.middle.test>",
    "List-Post: <mailto:team@middle.test>",
    "List-Unsubscribe: <mailto:team-owner@middle.test?subject=unsubscribe%20team>",
  ]) {
    assert.ok(post.includes(`\r\n${field}\r\n`), `${field}\n${post}`);
  }
  assert.equal(post.match(/^VSMTP-Signature:/gm)?.length, 1);
  assert.match(
    post,
    /\r\nAuthentication-Results: mx\.middle\.test;\r\n vsmtp=pass header\.i=anna@author\.test/,
  );
  // Three hops over three providers: author, list, member who redirects, and home again.
  assert.equal(said(await network.judged(id, "anna@author.test"))[4], "match", "her own copy");
  await network.found(
    "anna@author.test",
    (text) => text.includes(id) && text.includes("Delivered-To: dora@end.test"),
  );
  const redirected = network.allJudged(id, "anna@author.test").map(said);
  assert.deepEqual(redirected.toSorted(), [
    [...pass, "forwarded", "dora@end.test"],
    [...pass, "match", null],
  ]);
});

test("where the author's domain bears it, From stays the author's, and the list is Sender: neutral (CUS-6, IDY-16)", async () => {
  const id = await network.send({ from: user("mild@mild.test"), to: ["team@middle.test"] });
  assert.deepEqual(said(await network.judged(id, "bob@end.test")), [
    "neutral",
    "sender-only",
    "team@middle.test",
    "sender",
    "match",
    null,
  ]);
  const post = await network.inMailbox("bob@end.test", id);
  assert.match(post, /\r\nFrom: Author <mild@mild\.test>\r\n/);
  assert.match(post, /\r\nSender: team@middle\.test\r\n/);
  const home = await network.judged(id, "anna@author.test");
  assert.equal(home.decision.action, "deliver");
});

test("strangers to a list are refused: unproved ones in the session, others are told", async () => {
  const unsigned = "From: anna@author.test\r\nTo: team@middle.test\r\nSubject: x\r\n\r\nx\r\n";
  assert.match(
    await network.inject("anna@author.test", "team@middle.test", unsigned),
    /^550 .*VSMTP\/unsigned/,
  );
  await network.send({ from: user("max@author.test"), to: ["team@middle.test"], subject: "let me" });
  const report = await network.found("max@author.test", (text) =>
    text.includes("Not delivered: your message to team@middle.test"),
  );
  assert.match(report, /Status: 5\.7\.2\r\n[\s\S]*only members may write to team@middle\.test/);
});

test("a list open to everybody takes unsigned mail; automatic mail it ignores; its own posts it does not take again", async () => {
  const open = (fields: string) =>
    `From: who@nowhere.test\r\nTo: open@middle.test\r\nMessage-ID: <${fields.length}@nowhere.test>\r\n${fields}\r\nx\r\n`;
  assert.match(
    await network.inject("who@nowhere.test", "open@middle.test", open("Auto-Submitted: auto-replied\r\n")),
    /^250 /,
  );
  assert.match(await network.inject("who@nowhere.test", "open@middle.test", open("")), /^250 /);
  assert.deepEqual(said(await network.judged("<0@nowhere.test>", "dora@end.test")).slice(0, 3), [
    "neutral",
    "sender-only",
    "open@middle.test",
  ]);
  assert.deepEqual(said(await network.judged("<0@nowhere.test>", "anna@author.test")).slice(4), [
    "forwarded",
    "dora@end.test",
  ]);
  const post = (await network.inMailbox("anna@author.test", "<0@nowhere.test>")).replace(
    /^Return-Path.*\r\n/,
    "",
  );
  assert.match(await network.inject("who@nowhere.test", "open@middle.test", post), /^250 /);
  assert.equal(network.timesJudged("<30@nowhere.test>"), 1);
});
