import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClientIdentity, unknownClient } from "./client-identity.ts";
import { reply } from "./index.ts";
import { everything, own, start, trusted, whose } from "./test-identity.ts";
import { delay, sendMessage, startServer, Talker } from "./test-peers.ts";
import { answers, brief, failure, message, open, opened, scripted } from "./test-scripts.ts";

// XCLIENT and XFORWARD: hosts that say whose mail they bring, those that may not, and clients behind the former.

test("XFORWARD names the client of one message (XFORWARD_README)", async (t) => {
  const { server, port, seen } = await start();
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  await talker.reply();
  assert.match(await talker.ask("XFORWARD ADDR=192.0.2.1"), /^503 5\.5\.1 Send EHLO first/);
  const ehlo = await talker.ask("EHLO client.test");
  assert.match(ehlo, /\|250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\|/);
  assert.match(ehlo, /\|250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT LOGIN\|/);
  await sendMessage(talker);
  const first = "XFORWARD name=spike.example ADDR=IPV6:2001:DB8::0:1 PORT=4711 PROTO=esmtps";
  assert.equal(await talker.ask(first), "250 2.0.0 Ok");
  assert.equal(await talker.ask("XFORWARD HELO=DESKTOP_7 IDENT=4Xy+2Bz SOURCE=REMOTE"), "250 2.0.0 Ok");
  await sendMessage(talker);
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^250/, "and then it is the host's own again");
  assert.match(await talker.ask("XFORWARD ADDR=192.0.2.1"), /^503 5\.5\.1 Not during a transaction/);
  await talker.ask("RSET");
  await talker.ask("XFORWARD ADDR=192.0.2.1");
  assert.match(await talker.ask("RSET"), /^250/);
  await sendMessage(talker);
  await talker.ask("XFORWARD ADDR=192.0.2.1 HELO=[UNAVAILABLE]");
  await sendMessage(talker);
  await talker.ask("XFORWARD ADDR=[unavailable] NAME=[TEMPUNAVAIL] IDENT=77 SOURCE=local");
  await sendMessage(talker);
  await talker.ask("XFORWARD ADDR=::ffff:192.0.2.9 PORT=1");
  await talker.ask("EHLO client.test");
  await sendMessage(talker);
  const told = {
    ...unknownClient,
    name: "spike.example",
    address: "2001:db8::1",
    port: 4711,
    protocol: "ESMTPS",
    helo: "DESKTOP_7",
    ident: "4Xy+z",
    source: "remote" as const,
  };
  const by = { proxiedBy: "127.0.0.1", user: null };
  assert.deepEqual(whose(seen), [
    own,
    { remoteAddress: "2001:db8::1", remotePort: 4711, helo: "DESKTOP_7", told, ...by },
    own,
    own,
    {
      remoteAddress: "192.0.2.1",
      remotePort: 0,
      helo: null,
      told: { ...unknownClient, address: "192.0.2.1" },
      ...by,
    },
    { ...own, told: { ...unknownClient, ident: "77", source: "local" } },
    own,
  ]);
});

test("XCLIENT: another client's session on the same connection, and perhaps a user's (XCLIENT_README)", async (t) => {
  const { server, port, seen, calls, closeReasons } = await start({
    tlsMode: "starttls-required",
    requireAuth: true,
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^530 5\.7\.0 Must issue a STARTTLS/);
  // As Dovecot sends it where it is too long for one command, before and without EHLO.
  talker.send("XCLIENT HELO=laptop PROTO=ESMTP LOGIN=alice\r\nXCLIENT PORT=4711 ADDR=192.0.2.1\r\n");
  assert.deepEqual(await talker.replies(2), ["220 mx.test ESMTP", "220 mx.test ESMTP"]);
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^503 5\.5\.1 Send EHLO first/);
  const ehlo = await talker.ask("EHLO relay.test");
  assert.doesNotMatch(ehlo, /XCLIENT|XFORWARD/, "who is named need not be trusted");
  assert.match(await talker.ask("XCLIENT LOGIN=carol"), /^502 5\.5\.1/);
  assert.match(await talker.ask("STARTTLS"), /^503 5\.5\.1 Logged in already/);
  assert.match(await talker.ask("AUTH PLAIN AGEAYg=="), /^530/);
  await sendMessage(talker);
  await talker.ask("QUIT");
  await closeReasons(1);
  assert.deepEqual(seen, [
    {
      remoteAddress: "192.0.2.1",
      remotePort: 4711,
      helo: "laptop",
      proxiedBy: "127.0.0.1",
      told: {
        ...unknownClient,
        helo: "laptop",
        protocol: "ESMTP",
        login: "alice",
        port: 4711,
        address: "192.0.2.1",
      },
      user: "alice",
    },
  ]);
  assert.deepEqual(calls, [
    "connect 127.0.0.1",
    "disconnect nobody",
    "connect 127.0.0.1",
    "assert alice",
    "disconnect alice",
    "connect 192.0.2.1",
    "assert alice",
    "disconnect alice",
  ]);
});

test("XCLIENT: who logged in before is gone; [UNAVAILABLE] takes back what was told", async (t) => {
  const { server, port, seen, calls } = await start();
  t.after(() => server.close(0));
  const talker = await Talker.secured(port);
  assert.match(await talker.ask("AUTH PLAIN AGJvYgBzZWNyZXQ="), /^235/);
  assert.match(await talker.ask("XCLIENT LOGIN=carol HELO=a.test"), /^220/);
  await talker.ask("EHLO b.test");
  await sendMessage(talker);
  assert.match(await talker.ask("XCLIENT LOGIN=[UNAVAILABLE] HELO=[UNAVAILABLE] ADDR=[UNAVAILABLE]"), /^220/);
  await talker.ask("EHLO b.test");
  await sendMessage(talker);
  assert.deepEqual(
    seen.map(({ user, helo, remoteAddress }) => [user, helo, remoteAddress]),
    [
      ["carol", "a.test", "127.0.0.1"],
      [null, "b.test", "127.0.0.1"],
    ],
  );
  assert.deepEqual(calls.slice(1), [
    "disconnect bob",
    "connect 127.0.0.1",
    "assert carol",
    "disconnect carol",
    "connect 127.0.0.1",
  ]);
});

test("XCLIENT: the next client is not the user that the one before was, though nobody says who he is", async (t) => {
  const { server, port, seen } = await start();
  t.after(() => server.close(0));
  const users = async (...commands: readonly string[]) => {
    const talker = await Talker.secured(port);
    for (const command of commands) {
      assert.match(await talker.ask(`XCLIENT ${command}`), /^220/);
      await talker.ask("EHLO b.test");
    }
    await sendMessage(talker);
    const { user, helo, remoteAddress } = seen.at(-1) ?? assert.fail();
    return [user, helo, remoteAddress];
  };
  // 127.0.0.1 is trusted itself, such as another server on the same host.
  const alice = "ADDR=127.0.0.1 HELO=alice.test LOGIN=alice";
  assert.deepEqual(await users(alice), ["alice", "alice.test", "127.0.0.1"]);
  assert.deepEqual(await users(alice, "ADDR=192.0.2.7"), [null, "b.test", "192.0.2.7"]);
  assert.deepEqual(await users(alice, "PORT=7"), [null, "alice.test", "127.0.0.1"]);
  assert.deepEqual(await users("LOGIN=alice", "ADDR=192.0.2.7"), [null, "b.test", "192.0.2.7"]);
  assert.deepEqual(await users("ADDR=127.0.0.1", "LOGIN=carol"), ["carol", "b.test", "127.0.0.1"]);
});

test("XCLIENT: a user who is named too late, for a connection that is gone, is told of its end", async () => {
  for (const slow of ["connect", "assert"]) {
    const waiting = Promise.withResolvers<void>();
    let asked = 0;
    const calls: string[] = [];
    const { server, port, closeReasons } = await start(
      {},
      {
        connect: () => (slow === "connect" && ++asked === 2 ? waiting.promise.then(() => null) : null),
        assert: async (_session, login) => {
          calls.push("assert");
          if (slow === "assert") await waiting.promise;
          return { kind: "accepted", user: login };
        },
        disconnect: ({ user }) => void calls.push(`disconnect ${user}`),
      },
    );
    const talker = await Talker.hello(port);
    talker.send("XCLIENT LOGIN=alice\r\n");
    while (!calls.includes(slow === "assert" ? "assert" : "disconnect null")) await delay(2);
    const closed = server.close(0);
    await closeReasons(1);
    waiting.resolve();
    await closed;
    await delay(20);
    talker.destroy();
    assert.deepEqual(calls, ["disconnect null", "assert", "disconnect alice"], slow);
  }
});

test("where XCLIENT or XFORWARD fails, mail does not pass as the host's own", async (t) => {
  let trouble = false;
  const { server, port, seen, events } = await start(
    {},
    {
      assert: () => {
        if (trouble) throw new Error("the vault is away");
        return { kind: "refused", reply: reply(454, "4.7.0", "Not now") };
      },
    },
  );
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  const refused = async (why: RegExp) => {
    await talker.ask("EHLO client.test");
    assert.match(await talker.ask("MAIL FROM:<a@client.test>"), why);
  };
  assert.match(await talker.ask("XCLIENT LOGIN=alice"), /^454 4\.7\.0 Not now/);
  await refused(/^454 4\.7\.0 Not now/);
  assert.match(await talker.ask("XCLIENT ADDR=nowhere"), /^501 5\.5\.4 Bad ADDR syntax/);
  await refused(/^451 4\.3\.5 XCLIENT/);
  trouble = true;
  assert.match(await talker.ask("XCLIENT LOGIN=alice"), /^451 4\.3\.0/);
  await refused(/^451 4\.3\.0/);
  assert.ok(events.some(({ kind }) => kind === "handler-failed"));
  assert.match(await talker.ask("XCLIENT LOGIN=[UNAVAILABLE]"), /^220/);
  await talker.ask("EHLO client.test");
  assert.match(await talker.ask("XFORWARD ADDR=256.1.1.1"), /^501 5\.5\.4/);
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^451 4\.3\.5 XFORWARD/);
  assert.match(await talker.ask("XFORWARD ADDR=192.0.2.1"), /^250/);
  assert.match(
    await talker.ask("MAIL FROM:<a@client.test>"),
    /^451 4\.3\.5 XFORWARD/,
    "until it begins anew",
  );
  await talker.ask("RSET");
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^250/);
  assert.equal(seen.length, 1);
});

test("nobody else can say whose mail he brings, nor see that somebody can", async (t) => {
  const { server, port, seen, messages } = await start({
    trusted: { ...everything, proxyProtocol: trusted },
  });
  const without = await startServer();
  t.after(() => Promise.all([server.close(0), without.server.close(0)]));
  for (const [where, from] of [
    [port, "127.0.0.2"],
    [without.port, "127.0.0.1"],
  ] as const) {
    const talker = await Talker.connect(where, from);
    await talker.reply();
    assert.doesNotMatch(await talker.ask("EHLO client.test"), /XCLIENT|XFORWARD/);
    for (const line of [
      "XCLIENT ADDR=192.0.2.1",
      "XCLIENT LOGIN=alice",
      "XCLIENT",
      "XCLIENT \x7f=",
      "XFORWARD ADDR=192.0.2.1",
      "xforward addr=192.0.2.1 x",
      "XFORWARD",
    ]) {
      assert.match(await talker.ask(line), /^50[02] 5\.5\.[12] (?:Command not implemented|Control)/, line);
    }
    assert.match(await talker.ask("MAIL FROM:<a@client.test> AUTH=ceo@mx.test"), /^250/);
    assert.match(await talker.ask("RCPT TO:<b@mx.test>"), /^250/);
    assert.match(await talker.ask("DATA"), /^354/);
    talker.send(".\r\n");
    await talker.reply();
    await talker.ask("QUIT");
  }
  assert.deepEqual(whose(seen), [{ ...own, remoteAddress: "127.0.0.2", remotePort: seen[0]?.remotePort }]);
  assert.equal(messages[0]?.envelope.submitter, null);
  assert.equal(without.messages[0]?.envelope.submitter, null);
  const early = await Talker.connect(port, "127.0.0.2");
  early.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n");
  assert.match(await early.rest(), /^554 5\.5\.1 You spoke before the greeting/);
});

test("AUTH of MAIL counts where it is trusted (RFC 4954 §5)", async (t) => {
  const { server, port, messages } = await start();
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  for (const parameter of ["", " AUTH=<>", " AUTH=e+3Dmc2@example.com", " AUTH=+0D+0ARSET", " AUTH=alice"]) {
    assert.match(await talker.ask(`MAIL FROM:<a@client.test>${parameter}`), /^250/, parameter);
    await talker.ask("RCPT TO:<b@mx.test>");
    await talker.ask("DATA");
    talker.send(".\r\n");
    await talker.reply();
  }
  const submitters = messages.map(({ envelope: { submitter } }) =>
    submitter !== null && submitter !== "unknown" ? submitter.text : submitter,
  );
  assert.deepEqual(submitters, [null, "unknown", "e=mc2@example.com", "unknown", "alice"]);
});

test("values are a client's words: nothing in them becomes more than a value", async (t) => {
  const { server, port, seen } = await start({ limits: { errors: 1000 } });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  for (const bad of [
    "HELO=a+0D+0AMAIL",
    "NAME=a+00b",
    "IDENT=+0A",
    "LOGIN=a+0D",
    "HELO=+C2+85",
    "HELO=+FF",
    "HELO=a+",
    "HELO=a+2",
    "HELO=a+2b",
    "HELO=a=b",
    "HELO=",
    "HELO",
    "=x",
    "ADDR=192.0.2.01",
    "ADDR=[192.0.2.1]",
    "ADDR=fe80::1+25eth0",
    "ADDR=IPV6:",
    "PORT=65536",
    "PORT=-1",
    "PORT=1e3",
    "DESTPORT=x",
    "DESTADDR=x",
    "EVIL=1",
    `NAME=${"a".repeat(256)}`,
    `${"N".repeat(300)}=1`,
    "ADDR=192.0.2.1 HELO=a+0Ab",
  ]) {
    assert.match(await talker.ask(`XCLIENT ${bad}`), /^501 5\.5\.4/, bad);
  }
  const again = await Talker.hello(port);
  assert.match(
    await again.ask(`XFORWARD ADDR=192.0.2.1 HELO=${"a".repeat(2100)}`),
    /^500 5\.5\.2 Line too long/,
  );
  assert.match(await again.ask("XFORWARD SOURCE=MARS"), /^501/);
  assert.match(await again.ask("XFORWARD LOGIN=alice"), /^501/, "only XCLIENT names users");
  await again.ask("RSET");
  // What a client may have said, though it is good for nothing: not known.
  const odd = "HELO=+28evil+29 NAME=a+20b PROTO=+3C IDENT=a+22b";
  assert.match(await again.ask(`XFORWARD ADDR=192.0.2.1 ${odd}`), /^250/);
  await sendMessage(again);
  assert.deepEqual(seen.at(-1)?.told, { ...unknownClient, address: "192.0.2.1" });
});

test("our two sides understand each other", async (t) => {
  const { server, port, seen, messages } = await start({ tlsMode: "starttls" });
  t.after(() => server.close(0));
  const identity: ClientIdentity = {
    ...unknownClient,
    address: "2001:db8::1",
    port: 4711,
    helo: "ä.example", // not to be said in EHLO
    protocol: "ESMTPSA",
    login: "alice",
    name: "spike.example",
  };
  const tls = { mode: "opportunistic" } as const;
  const named = await opened(port, { xclient: identity, tls });
  assert.deepEqual(brief(await named.send(message)).length, 1);
  await named.quit();
  const bringing = await opened(port);
  const ident = { ...identity, helo: "laptop", ident: "4Xy z+=", source: "remote" as const };
  for (const next of [
    { ...message, xforward: ident, submitter: "e=mc2+ä@example.com" },
    {
      ...message,
      xforward: { ...unknownClient, name: "a".repeat(255), helo: "b".repeat(255), address: "192.0.2.1" },
    },
    { ...message, submitter: "" },
  ]) {
    assert.deepEqual(
      (await bringing.send(next)).map(({ status }) => status),
      ["delivered"],
    );
  }
  await bringing.quit();
  assert.deepEqual(
    seen.map(({ remoteAddress, helo, user, proxiedBy }) => [remoteAddress, helo, user, proxiedBy]),
    [
      ["2001:db8::1", "client.test", "alice", "127.0.0.1"],
      ["2001:db8::1", "laptop", null, "127.0.0.1"],
      ["192.0.2.1", "b".repeat(255), null, "127.0.0.1"],
      ["127.0.0.1", "client.test", null, null],
    ],
  );
  assert.deepEqual(seen[1]?.told, { ...ident, login: null, ident: null });
  assert.deepEqual(
    messages.map(({ envelope }) => envelope.submitter),
    [null, null, null, null],
    "AUTH is not offered outside TLS, so nothing was said",
  );
});

test("the client: a server without XCLIENT gets no mail, one that refuses it neither; PROXY comes first", async (t) => {
  const identity = { ...unknownClient, address: "192.0.2.1", login: "alice" };
  const said: string[] = [];
  const port = await scripted(t, "220 x\r\n", (line) => {
    said.push(line);
    if (line.startsWith("PROXY")) return null;
    return answers({ XCLIENT: "220 go on\r\n" }, "250-x\r\n250 XCLIENT ADDR NAME\r\n")(line);
  });
  assert.match(
    await failure(port, { xclient: identity }),
    /^deferred at xclient: null 4\.7\.1 the server takes no XCLIENT from this host/,
  );
  const client = await opened(port, {
    xclient: { ...identity, login: null, helo: "[192.0.2.1]" },
    proxyHeader: {
      version: 1,
      connection: { source: { address: "192.0.2.1", port: 7 }, destination: { address: "::1", port: 25 } },
    },
  });
  client.close();
  assert.deepEqual(said.slice(-4), [
    "PROXY TCP6 ::ffff:192.0.2.1 ::1 7 25",
    "EHLO client.test",
    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1",
    "EHLO [192.0.2.1]",
  ]);
  const refusing = await scripted(
    t,
    "220 x\r\n",
    answers({ XCLIENT: "550 5.7.1 no\r\n" }, "250-x\r\n250 XCLIENT ADDR\r\n"),
  );
  assert.match(await failure(refusing, { xclient: unknownClient }), /^refused at xclient: 550 5\.7\.1 no/);
  const lines: string[] = [];
  const xforward = await scripted(
    t,
    "220 x\r\n",
    (() => {
      const answer = answers(
        { XFORWARD: "550 5.7.1 no\r\n" },
        "250-x\r\n250-AUTH PLAIN\r\n250 XFORWARD ADDR\r\n",
      );
      return (line: string) => {
        lines.push(line);
        return answer(line);
      };
    })(),
  );
  const step = await open(xforward);
  assert.ok(step.ok);
  const outcomes = await step.client.send({ ...message, xforward: identity, submitter: "a=b@mx.test" });
  assert.deepEqual(brief(outcomes), ["delivered at content: 250 2.0.0 ok"]);
  const stepwise = step.client.begin({ reversePath: "a@b.test", xforward: identity, submitter: "" });
  assert.ok((await stepwise.mail()).ok);
  step.client.close();
  assert.deepEqual(
    lines.filter((line) => /^(?:XFORWARD|MAIL)/.test(line)),
    [
      "XFORWARD ADDR=192.0.2.1",
      "MAIL FROM:<a@client.test> AUTH=a+3Db@mx.test",
      "XFORWARD ADDR=192.0.2.1",
      "MAIL FROM:<a@b.test> AUTH=<>",
    ],
  );
});
