import assert from "node:assert/strict";
import { test } from "node:test";
import { reply } from "../smtp/index.ts";
import { LETTER, openHop, openVerifying, signedLetter, transact } from "./test-proxy.ts";

const ACCEPTS = { replays: "accept" } as const;

test("the next hop's replies are ours, and what it gets says what was found out", async (t) => {
  const rcpt = (_: unknown, { text }: { text: string }) =>
    text.startsWith("no") ? reply(550, "5.1.1", ["nobody of", "that name"]) : reply(250, "2.1.5", "welcome");
  const hop = await openHop(t, { mail: () => reply(250, "2.1.0", "the hop likes you"), rcpt });
  const proxy = await openVerifying(t, { hop: hop.port, policy: ACCEPTS });
  const talker = await proxy.hello();
  const forged = "Authentication-Results: proxy.test; vsmtp=pass\r\nX-VSMTP-Flag: tag; mine\r\n";
  const replies = await transact(talker, forged + signedLetter(), ["bob@dest.test", "no@dest.test"]);
  assert.deepEqual(replies.slice(0, 4), [
    "250 2.1.0 the hop likes you",
    "250 2.1.5 welcome",
    "550 5.1.1 nobody of that name",
    "354 End data with <CR><LF>.<CR><LF>",
  ]);
  const [message] = hop.messages;
  assert.equal(replies[4], `250 2.0.0 Kept as ${message?.envelope.id}`);
  assert.deepEqual([message?.from, message?.to], ["allice@someisp.test", ["bob@dest.test"]]);
  const content = message?.content ?? "";
  assert.match(content, /^Authentication-Results: proxy\.test;\r\n vsmtp=pass/);
  assert.match(
    content,
    /\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\r\n by proxy\.test with ESMTP\r\n id /,
  );
  assert.ok(content.endsWith(signedLetter().slice(signedLetter().indexOf("\r\nFrom:"))));
  assert.ok(!content.includes("mine"), "what only we may write is deleted");
  assert.equal(content.match(/^Authentication-Results/gm)?.length, 1);
  const event = proxy.events.find(({ kind }) => kind === "message");
  assert.ok(event?.kind === "message" && event.findings?.kind === "verified");
  assert.deepEqual(
    [
      event.findings.verdict.result,
      event.findings.decision.action,
      event.passed.map(({ outcome }) => outcome),
    ],
    ["pass", "deliver", ["delivered"]],
  );
  assert.deepEqual(proxy.files(), []);
});

test("what is refused is refused by us, and the next hop's transaction reset", async (t) => {
  const hop = await openHop(t);
  const policy = { ...ACCEPTS, actions: { fail: "reject", none: "defer" } } as const;
  const proxy = await openVerifying(t, { hop: hop.port, policy });
  const talker = await proxy.hello();
  const altered = signedLetter().replace("Hello", "Hullo");
  assert.match((await transact(talker, altered)).at(-1) ?? "", /^550 5\.7\.\d+ .*VSMTP/i);
  assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^451 4\.7\.\d+ /);
  assert.match((await transact(talker, signedLetter())).at(-1) ?? "", /^250 2\.0\.0 Kept/);
  assert.equal(hop.messages.length, 1);
  const commands = proxy.wire
    .filter((line) => /^C: (?:MAIL|RSET|DATA|EHLO)/.test(line))
    .map((line) => line.slice(3, 7));
  assert.deepEqual(commands, ["EHLO", "MAIL", "RSET", "MAIL", "RSET", "MAIL", "DATA"], "on one connection");
});

test("tagged and quarantined mail bears the mark, discarded mail is taken and goes nowhere", async (t) => {
  const hop = await openHop(t);
  for (const [action, flag] of [
    ["tag", /^X-VSMTP-Flag: tag; VSMTP\/unsigned\r\n/m],
    ["quarantine", /^X-VSMTP-Flag: quarantine; VSMTP\/unsigned\r\n/m],
    ["discard", null],
  ] as const) {
    hop.messages.length = 0;
    const proxy = await openVerifying(t, {
      hop: hop.port,
      policy: { ...ACCEPTS, actions: { none: action }, tag: { subject: "[?]", fields: [] } },
    });
    const talker = await proxy.hello();
    assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^250 2\.0\.0/);
    assert.equal(hop.messages.length, flag === null ? 0 : 1);
    if (flag !== null) assert.match(hop.messages[0]?.content ?? "", flag);
    assert.equal(hop.messages[0]?.content.includes("Subject: [?] Hi") ?? false, action === "tag");
    const event = proxy.events.find(({ kind }) => kind === "message");
    assert.ok(event?.kind === "message" && event.findings?.kind === "verified");
    assert.equal(event.findings.decision.action, action);
  }
});

test("a repeat is told once the next hop took the first; recipients who have not got it get it", async (t) => {
  let refuses = true;
  const taken: string[][] = [];
  const hop = await openHop(t, {
    data: (_session, { recipients }) => ({
      write: () => {},
      finish: () => {
        if (refuses) return reply(451, "4.3.0", "not now");
        taken.push(recipients.map(({ text }) => text));
        return reply(250, "2.0.0", "taken");
      },
      abort: () => {},
    }),
  });
  const proxy = await openVerifying(t, { hop: hop.port, policy: { replays: "drop" } });
  const talker = await proxy.hello();
  const last = async (to?: string[]) => (await transact(talker, signedLetter(), to)).at(-1);
  assert.equal(await last(), "451 4.3.0 not now");
  refuses = false;
  assert.equal(await last(), "250 2.0.0 taken");
  assert.equal(await last(), "250 2.0.0 Ok");
  assert.equal(await last(["bob@dest.test", "carl@dest.test"]), "250 2.0.0 taken");
  assert.deepEqual(taken, [["bob@dest.test"], ["carl@dest.test"]]);
});

test("recipients of a domain with settings of its own come in a transaction of their own", async (t) => {
  const hop = await openHop(t);
  const strict = { name: "strict.test", stage: "require", actions: {}, senders: [] } as const;
  const proxy = await openVerifying(t, {
    hop: hop.port,
    job: { settingsOf: (domain) => (domain === "strict.test" ? strict : null) },
  });
  const talker = await proxy.hello();
  const replies = await transact(talker, LETTER, ["a@dest.test", "b@STRICT.test", "c@other.test"]);
  assert.match(replies[2] ?? "", /^452 4\.5\.3/);
  assert.deepEqual(hop.messages[0]?.to, ["a@dest.test", "c@other.test"]);
  assert.match((await transact(talker, LETTER, ["b@strict.test"])).at(-1) ?? "", /^550 5\.7\./);
});

test("what the next hop cannot do is not offered; what both can is passed on", async (t) => {
  const able = await openHop(t, {}, { limits: { messageOctets: 4321 } });
  const proxy = await openVerifying(t, { hop: able.port });
  const talker = await proxy.hello();
  assert.match(
    await talker.ask("EHLO client.test"),
    /SIZE 4321\|.*8BITMIME\|250-SMTPUTF8\|250-CHUNKING\|250-DSN/,
  );
  await talker.ask("MAIL FROM:<a@b.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x1 SIZE=400");
  talker.send("RCPT TO:<\xc3\xa4@dest.test> NOTIFY=NEVER ORCPT=rfc822;b@dest.test\r\n");
  assert.match(await talker.reply(), /^250/);
  await talker.ask("RSET");
  const sent = proxy.wire.filter((line) => /^C: (?:MAIL|RCPT)/.test(line));
  assert.deepEqual(sent, [
    "C: MAIL FROM:<a@b.test> SIZE=400 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x1",
    "C: RCPT TO:<\u00e4@dest.test> NOTIFY=NEVER ORCPT=rfc822;b@dest.test",
  ]);
  const unable = await openHop(t, {}, { withheld: ["8BITMIME", "SMTPUTF8", "DSN"] });
  const less = await openVerifying(t, { hop: unable.port });
  const greeting = await (await less.hello()).ask("EHLO client.test");
  assert.doesNotMatch(greeting, /8BITMIME|SMTPUTF8|DSN|REQUIRETLS/);
  const replies = await transact(await less.hello(), LETTER.replace("Hello", "H\u00e9llo"));
  assert.match(replies.at(-1) ?? "", /^554 5\.6\.3 the next hop does not offer 8BITMIME/);
});

test("smuggling is refused on the way in, and leaves no trace at the next hop", async (t) => {
  const hop = await openHop(t);
  const proxy = await openVerifying(t, { hop: hop.port });
  for (const end of ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n"]) {
    const talker = await proxy.hello();
    for (const line of ["MAIL FROM:<a@b.test>", "RCPT TO:<b@dest.test>", "DATA"]) await talker.ask(line);
    talker.send(`${LETTER}x${end}MAIL FROM:<evil@b.test>\r\nRCPT TO:<b@dest.test>\r\nDATA\r\nx\r\n.\r\n`);
    assert.match(await talker.reply(), /^550 5\.6\.0/);
    await talker.rest();
  }
  assert.deepEqual(hop.messages, []);
  assert.ok(!proxy.wire.some((line) => line.includes("evil")));
});
