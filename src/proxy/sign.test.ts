import assert from "node:assert/strict";
import { test } from "node:test";
import { reply } from "../smtp/index.ts";
import { Talker } from "../smtp/test-peers.ts";
import { modes } from "../submission/test-modes.ts";
import { LETTER, openHop, openSigning, transact } from "./test-proxy.ts";
import { openUsers } from "./test-users.ts";

const everybody = () => true;
const trusting = { trusted: { xclient: everybody, xforward: everybody, mailAuth: everybody } };

/** Somebody who logged in at the server before the proxy, which says so. */
async function loggedIn(port: number, login = "allice"): Promise<Talker> {
  const talker = await Talker.hello(port);
  assert.match(await talker.ask(`XCLIENT ADDR=192.0.2.7 HELO=laptop.test LOGIN=${login}`), /^220/);
  await talker.ask("EHLO gateway.test");
  return talker;
}

const BLIND = LETTER.replace("To: bob@dest.test", "To: bob@dest.test\r\nBcc: carl@dest.test, dora@far.test")
  .replace(/Date:.*\r\nMessage-ID:.*\r\n/, "")
  .replace("Hello", ".Hello\r\n..\r\nBye");

for (const mode of modes) {
  test(`${mode}: a copy for each who must not know of the others, and all are signed`, async (t) => {
    const users = await openUsers(t, mode);
    const hop = await openHop(t);
    const proxy = await openSigning(t, { hop: hop.port, vault: users.vault, server: trusting });
    const talker = await loggedIn(proxy.port);
    const to = ["bob@dest.test", "carl@dest.test", "dora@far.test"];
    const replies = await transact(talker, BLIND, to);
    assert.match(replies.at(-1) ?? "", /^250 2\.0\.0 Kept as \S+ \(and 2 more copies\)$/);
    assert.deepEqual(
      hop.messages.map((message) => message.to).sort(),
      to.map((one) => [one]),
    );
    for (const { to: recipients, content } of hop.messages) {
      assert.equal(await users.verdictOf(content, recipients), "pass from match");
      assert.match(content, /^Received: by proxy\.test with ESMTPA\r\n id \w+\r\n for <(\w+@\w+\.test)>;/);
      const own = /for <(.*)>/.exec(content)?.[1] ?? "";
      assert.deepEqual(recipients, [own]);
      assert.doesNotMatch(
        content,
        /192\.0\.2\.7|laptop|Bcc/,
        "nobody hears where users are, or who else gets it",
      );
      for (const other of to)
        assert.equal(content.includes(other), other === own || other === "bob@dest.test");
      assert.match(content, /\r\nDate: .*\r\nMessage-ID: </);
      assert.ok(content.endsWith("\r\n\r\n.Hello\r\n..\r\nBye\r\n"));
    }
    const event = proxy.events.find(({ kind }) => kind === "message");
    assert.ok(event?.kind === "message" && event.findings?.kind === "signed");
    assert.deepEqual(
      [event.findings.account, event.findings.identity, event.passed.length, event.session.remoteAddress],
      [users.account("allice"), "allice@someisp.test", 3, "192.0.2.7"],
    );
  });
}

test("one copy goes in the transaction in which its recipients were asked for", async (t) => {
  const users = await openUsers(t);
  const hop = await openHop(t);
  const proxy = await openSigning(t, { hop: hop.port, vault: users.vault, server: trusting });
  const talker = await loggedIn(proxy.port);
  const letter = LETTER.replace("To: bob", "To: carl@dest.test, bob");
  assert.match((await transact(talker, letter, ["bob@dest.test", "carl@dest.test"])).at(-1) ?? "", /^250/);
  const [message] = hop.messages;
  assert.deepEqual(message?.to, ["bob@dest.test", "carl@dest.test"]);
  assert.equal(await users.verdictOf(message?.content ?? "", message?.to ?? []), "pass from match");
  assert.deepEqual(
    proxy.wire.filter((line) => /^C: (?:MAIL|DATA|RSET)/.test(line)),
    ["C: MAIL FROM:<allice@someisp.test>", "C: DATA"],
  );
});

test("who sends it: AUTH of MAIL, or the reverse path; nobody writes as somebody else", async (t) => {
  const users = await openUsers(t);
  const hop = await openHop(t);
  const { vault } = users;
  const byLogin = await openSigning(t, { hop: hop.port, vault, server: trusting });
  const talker = await byLogin.hello();
  const last = async (mail: string, letter = LETTER) =>
    (await transact(talker, letter, ["bob@dest.test"], mail)).at(-1) ?? "";
  const signed = () => hop.messages.at(-1)?.content.includes("VSMTP-Signature:");

  assert.match(await last("MAIL FROM:<list@lists.test> AUTH=allice@someisp.test"), /^250/);
  assert.equal(signed(), true);
  assert.match(
    await last("MAIL FROM:<x@someisp.test> AUTH=boss@someisp.test"),
    /^550 5\.7\.1 allice@someisp\.test in From/,
  );
  assert.match(await last("MAIL FROM:<allice@someisp.test> AUTH=<>"), /^250/);
  assert.equal(signed(), false, "the reverse path is nobody's word");
  const forged = `Authentication-Results: proxy.test; vsmtp=pass\r\n${LETTER}`;
  assert.match(await last("MAIL FROM:<x@y.test> AUTH=stranger@someisp.test", forged), /^250/);
  assert.equal(signed(), false);
  const unsigned = byLogin.events.at(-1);
  assert.ok(unsigned?.kind === "message" && unsigned.findings?.kind === "unsigned");
  assert.equal(unsigned.findings.name, "stranger@someisp.test");
  assert.ok(hop.messages.at(-1)?.content.endsWith(LETTER), "as it came");
  assert.doesNotMatch(hop.messages.at(-1)?.content ?? "", /vsmtp=pass/);

  const strict = { by: "reverse-path", unknownUsers: "reject" } as const;
  const byPath = await openSigning(t, { hop: hop.port, vault, server: trusting, senders: strict });
  const other = await byPath.hello();
  const replies = (mail: string) => transact(other, LETTER, ["bob@dest.test"], mail);
  assert.match(
    (await replies("MAIL FROM:<allice@someisp.test> AUTH=boss@someisp.test")).at(-1) ?? "",
    /^250/,
  );
  assert.equal(signed(), true);
  assert.match(
    (await replies("MAIL FROM:<stranger@someisp.test>"))[0] ?? "",
    /^550 5\.7\.1 stranger@someisp\.test has no account/,
  );
  assert.match((await replies("MAIL FROM:<>"))[0] ?? "", /^550 5\.7\.1 It is not known who sends this/);
});

test("a user whom XCLIENT has named is so for the session, though his login has ended meanwhile", async (t) => {
  const users = await openUsers(t, "remote, SIGN");
  const hop = await openHop(t);
  const proxy = await openSigning(t, { hop: hop.port, vault: users.vault, server: trusting });
  const talker = await proxy.hello();
  assert.match(await talker.ask("XCLIENT ADDR=192.0.2.1 LOGIN=allice"), /^220/);
  await talker.ask("EHLO client.test");
  assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^250/);
  await users.mode.stopVault();
  await users.mode.startVault(); // which knows no login of before
  let told = "";
  for (let n = 0; n < 50 && !told.startsWith("250"); n++) {
    told = (await transact(talker, LETTER)).at(-1) ?? "";
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.match(told, /^250/);
  assert.match(hop.messages.at(-1)?.content ?? "", /^VSMTP-Signature:/m);
});

test("SUB-6: where the vault does not answer, or the account is suspended, nothing goes on", async (t) => {
  const users = await openUsers(t, "remote, SIGN");
  const hop = await openHop(t);
  const senders = { by: "reverse-path" } as const;
  const proxy = await openSigning(t, { hop: hop.port, vault: users.vault, senders });
  const talker = await proxy.hello();
  assert.ok((await users.mode.keyring.suspend(users.account("allice"))).ok);
  assert.match((await transact(talker, LETTER)).at(-1) ?? "", /^550 5\.7\.1 This account is suspended/);
  await users.mode.stopVault();
  assert.match(await talker.ask("MAIL FROM:<boss@someisp.test>"), /^451 4\.4\.3/);
  assert.deepEqual(hop.messages, []);
  const event = proxy.events.at(-1);
  assert.ok(event?.kind === "refused" && event.cause instanceof Error);
});

test("a body in 8 bits goes on in 7 where the next hop takes no others, and is refused where it must stay", async (t) => {
  const users = await openUsers(t);
  const hop = await openHop(t, {}, { withheld: ["8BITMIME"] });
  const senders = { by: "reverse-path" } as const;
  const letter = LETTER.replace(
    "\r\n\r\nHello",
    "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nH\u00e9llo",
  );
  const mail = "MAIL FROM:<allice@someisp.test> BODY=8BITMIME";
  const converting = await openSigning(t, { hop: hop.port, vault: users.vault, senders });
  const talker = await converting.hello();
  assert.match(await talker.ask("EHLO client.test"), /8BITMIME/);
  assert.match((await transact(talker, letter, ["bob@dest.test"], mail)).at(-1) ?? "", /^250/);
  const [message] = hop.messages;
  assert.match(message?.content ?? "", /\r\n\r\nH=E9llo\r\n$/);
  assert.equal(await users.verdictOf(message?.content ?? "", ["bob@dest.test"]), "pass from match");
  const keeping = await openSigning(t, { hop: hop.port, vault: users.vault, senders, eightBit: "keep" });
  const other = await keeping.hello();
  assert.doesNotMatch(await other.ask("EHLO client.test"), /8BITMIME/);
  assert.match((await transact(other, letter)).at(-1) ?? "", /^554 5\.6\.3/);
});

interface Hopes {
  /** What each recipient's copy is answered, in turn; then it is taken. */
  readonly ends?: Record<string, (string | undefined)[]>;
  readonly rcpts?: Record<string, (string | undefined)[]>;
}

/** Three copies of one message to a next hop that does not take all of them at first. */
async function attempt(t: import("node:test").TestContext, { ends = {}, rcpts = {} }: Hopes) {
  const users = await openUsers(t);
  const taken: string[] = [];
  const dots: string[] = [];
  const answer = (text: string | undefined) => {
    const [, code = "", enhanced = "", words = ""] = /^(\d+) (\S+) (.*)$/.exec(text ?? "") ?? [];
    return text === undefined ? null : reply(Number(code), enhanced, words);
  };
  const hop = await openHop(t, {
    rcpt: (_session, { text }) => answer(rcpts[text]?.shift()),
    data: (_session, { recipients }) => ({
      write: () => {},
      finish: () => {
        const [to = ""] = recipients.map(({ text }) => text);
        dots.push(to);
        const refusal = answer(ends[to]?.shift());
        if (refusal === null) taken.push(to);
        return refusal ?? reply(250, "2.0.0", "taken");
      },
      abort: () => {},
    }),
  });
  const proxy = await openSigning(t, {
    hop: hop.port,
    vault: users.vault,
    server: trusting,
    senders: { by: "reverse-path" },
  });
  const talker = await proxy.hello();
  const letter = BLIND.replace(
    "Subject",
    "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <2@x.test>\r\nSubject",
  );
  let times = 0;
  const send = async () => {
    taken.length = 0;
    dots.length = 0;
    // As the server before us writes it anew each time.
    const traced = `Received: from client by front; ${times++}\r\n${letter}`;
    const replies = await transact(talker, traced, ["bob@dest.test", "carl@dest.test", "dora@far.test"]);
    return [replies.at(-1)?.replace(/\|\d+ /g, " "), [...taken].sort().join(" ")];
  };
  return { send, dots, proxy };
}

const ALL = "bob@dest.test carl@dest.test dora@far.test";

test("copies: what the first is refused with is the answer, and no other gets its dot", async (t) => {
  const { send, dots } = await attempt(t, {
    ends: { "bob@dest.test": ["550 5.7.1 spam", "451 4.3.0 later"] },
  });
  assert.deepEqual(await send(), ["550 5.7.1 spam", ""]);
  assert.deepEqual(dots, ["bob@dest.test"]);
  assert.deepEqual(await send(), ["451 4.3.0 later", ""]);
  assert.deepEqual(await send(), ["250 2.0.0 taken (and 2 more copies)", ALL]);
});

test("copies: one that cannot even begin keeps all from their end", async (t) => {
  const rcpts = { "dora@far.test": [undefined, "450 4.2.0 not twice"] };
  const { send, dots } = await attempt(t, { rcpts });
  assert.deepEqual(await send(), ["450 4.2.0 <dora@far.test>: not twice", ""]);
  assert.deepEqual(dots, []);
  assert.deepEqual(await send(), ["250 2.0.0 taken (and 2 more copies)", ALL]);
});

test("copies: what fails behind the first is tried again while the client waits", async (t) => {
  const { send, dots } = await attempt(t, {
    ends: { "carl@dest.test": ["451 4.3.0 later", "452 4.3.1 full"] },
  });
  assert.deepEqual(await send(), ["250 2.0.0 taken (and 2 more copies)", ALL]);
  assert.equal(dots.length, 5);
});

test("copies: where a part stays away the client comes again, and nobody gets it twice", async (t) => {
  const later = Array.from({ length: 6 }, () => "451 4.3.0 later");
  const { send } = await attempt(t, { ends: { "carl@dest.test": later } });
  const [first, taken] = await send();
  assert.equal(first, "451-4.3.0 2 of 3 recipients have it already, but not <carl@dest.test>: 4.3.0 later");
  assert.equal(taken, "bob@dest.test dora@far.test");
  assert.deepEqual(await send(), ["451 4.3.0 later", ""], "only carl's is tried");
  assert.deepEqual(await send(), ["250 2.0.0 taken", "carl@dest.test"]);
  assert.deepEqual(
    await send(),
    ["250 2.0.0 taken (and 2 more copies)", ALL],
    "whoever sends it once more means it",
  );
});

test("copies: where a part is refused for good its user hears who has it", async (t) => {
  const { send } = await attempt(t, { ends: { "dora@far.test": ["550 5.7.1 no", undefined] } });
  const [first, taken] = await send();
  assert.equal(first, "550-5.7.1 2 of 3 recipients have it already, but not <dora@far.test>: 5.7.1 no");
  assert.equal(taken, "bob@dest.test carl@dest.test");
  assert.deepEqual(await send(), ["250 2.0.0 taken", "dora@far.test"]);
});

test("fifty blind recipients, ten connections", async (t) => {
  const users = await openUsers(t);
  const hop = await openHop(t);
  const proxy = await openSigning(t, {
    hop: hop.port,
    vault: users.vault,
    senders: { by: "reverse-path" },
    connections: { connections: 10 },
  });
  const to = Array.from({ length: 50 }, (_, index) => `r${index}@dest.test`);
  const replies = await transact(await proxy.hello(), LETTER, to);
  assert.match(replies.at(-1) ?? "", /^250 .*\(and 49 more copies\)$/);
  assert.deepEqual(hop.messages.map((message) => message.to.join()).sort(), [...to].sort());
  assert.ok(hop.events.filter(({ kind }) => kind === "connected").length <= 11);
});

test("a large message leaves no file behind, taken or not", async (t) => {
  const users = await openUsers(t);
  const body = `${"x".repeat(70)}\r\n`.repeat(2000);
  for (const answered of [null, reply(550, "5.7.1", "no")]) {
    const hop = await openHop(t, answered ? { mail: () => null, data: () => answered } : {});
    const proxy = await openSigning(t, {
      hop: hop.port,
      vault: users.vault,
      senders: { by: "reverse-path" },
    });
    const replies = await transact(await proxy.hello(), LETTER + body, ["bob@dest.test", "carl@dest.test"]);
    assert.match(replies.at(-1) ?? "", answered === null ? /^250/ : /^550 5\.7\.1 no/);
    assert.deepEqual(proxy.files(), []);
    for (const { content } of hop.messages) assert.ok(content.endsWith(body));
  }
});
