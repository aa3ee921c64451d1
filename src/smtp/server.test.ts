import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { reply } from "./index.ts";
import { delay, sendMessage, startServer, Talker } from "./test-peers.ts";

test("limits: errors, idle commands, recipients, size, connections", async (t) => {
  const { server, port, messages, events, closeReasons } = await startServer({
    limits: { errors: 5, idleCommands: 6, recipients: 2, messageOctets: 1000, connectionsPerAddress: 2 },
  });
  t.after(() => server.close(0));
  let talker = await Talker.hello(port);
  talker.send("BOGUS\r\n".repeat(50));
  assert.equal((await talker.rest()).match(/^500/gm)?.length, 5);
  talker = await Talker.hello(port);
  talker.send("NOOP\r\n".repeat(50));
  assert.match(await talker.rest(), /^(?:250 2\.0\.0 Ok\r\n){5}421 4\.7\.0 [^\r]*\r\n$/);
  assert.deepEqual(await closeReasons(2), ["too-many-errors", "too-many-idle-commands"]);
  talker.destroy();
  await delay(10);

  talker = await Talker.hello(port);
  await talker.ask("MAIL FROM:<a@b.test>");
  assert.match(await talker.ask("RCPT TO:<a@b.test>"), /^250/);
  assert.match(await talker.ask("RCPT TO:<b@b.test>"), /^250/);
  for (let i = 0; i < 10; i++) {
    // RFC 5321 §4.5.3.1.10; and 452 is no error that counts.
    assert.match(await talker.ask("RCPT TO:<c@b.test>"), /^452 4\.5\.3/);
  }
  await talker.ask("DATA");
  talker.send(`${"0123456\r\n".repeat(200)}.\r\n`);
  assert.match(await talker.reply(), /^552 5\.3\.4/, "RFC 1870 §6.3");
  assert.equal(messages[0]?.outcome, "too-big");
  assert.match(await talker.ask("MAIL FROM:<a@b.test> SIZE=1001"), /^552 5\.3\.4/, "RFC 1870 §6.1");

  const second = await Talker.hello(port);
  const third = await Talker.connect(port);
  assert.match(await third.rest(), /^421 4\.7\.0 Too many connections/);
  assert.equal(events.at(-1)?.kind, "refused");
  second.destroy();
  await delay(20);
  const fourth = await Talker.connect(port);
  assert.match(await fourth.reply(), /^220/, "a closed connection makes room");
  fourth.destroy();
  talker.destroy();
});

test("where all places are taken, who holds one for nothing gives it to a new client: slow-loris", async (t) => {
  const { server, port, messages, closeReasons } = await startServer({
    limits: { connections: 6, idleCommands: 1e6 },
    deadlines: { crowdedMs: 1000 },
  });
  t.after(() => server.close(0));
  const drips: NodeJS.Timeout[] = [];
  t.after(() => drips.forEach(clearInterval));
  const dripping = async (text: string): Promise<Talker> => {
    const talker = await Talker.hello(port);
    let at = 0;
    drips.push(setInterval(() => talker.send(text[at++ % text.length] as string), 5));
    return talker;
  };
  const silent = await Talker.hello(port);
  const idle = await dripping("NOOP\r\n");
  const slow = await dripping("MAIL FROM:<a.very.long.name.that.never.ends");
  const inData = await Talker.hello(port);
  for (const line of ["MAIL FROM:<a@b.test>", "RCPT TO:<b@mx.test>", "DATA"]) await inData.ask(line);
  drips.push(setInterval(() => inData.send("x\r\n"), 5));
  const shaking = await Talker.hello(port);
  await shaking.ask("STARTTLS");
  const honest = await Talker.hello(port);
  // Nobody has had the time yet.
  assert.match(await (await Talker.connect(port)).rest(), /^421 4\.7\.0 Too many connections/);

  let working = true;
  const work = (async () => {
    while (working) {
      await sendMessage(honest);
      await delay(50);
    }
  })();
  await delay(1100);
  for (let loris = 0; loris < 5; loris++) {
    assert.match(await sendMessage(await Talker.hello(port)), /^250/);
  }
  working = false;
  // Who works is not sent away, though it came before some who were.
  await work;
  assert.deepEqual((await closeReasons(5)).slice(0, 5), Array(5).fill("crowded"));
  for (const talker of [silent, slow, inData]) assert.match(await talker.rest(), /421 4\.4\.5 /);
  for (const talker of [idle, shaking]) await talker.rest();
  assert.equal(messages.find(({ outcome }) => outcome === "disconnected")?.to[0], "b@mx.test");
});

test("deadlines: silence, a line that trickles, data that trickles, a handshake that never comes", async (t) => {
  const deadlines = { commandMs: 60, dataBlockMs: 250, dataTotalMs: 400, tlsMs: 60 };
  const { server, port, messages, closeReasons } = await startServer({ deadlines });
  t.after(() => server.close(0));
  const silent = Talker.connect(port).then((talker) => talker.rest());
  const trickling = (async () => {
    const talker = await Talker.hello(port);
    const drip = setInterval(() => talker.send("x"), 10);
    const rest = await talker.rest();
    clearInterval(drip);
    return rest;
  })();
  const slowData = (async () => {
    const talker = await Talker.hello(port);
    talker.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
    await talker.replies(3);
    const begun = performance.now();
    const drip = setInterval(() => talker.send("x\r\n"), 10);
    const rest = await talker.rest();
    clearInterval(drip);
    assert.ok(performance.now() - begun > 350, "blocks came in time, until the whole took too long");
    return rest;
  })();
  const noHandshake = (async () => {
    const talker = await Talker.hello(port);
    await talker.ask("STARTTLS");
    return talker.rest();
  })();
  const timedOut = /421 4\.4\.2 mx\.test timed out, closing\r\n$/;
  assert.match(await silent, timedOut);
  assert.match(await trickling, timedOut);
  assert.match(await slowData, timedOut);
  assert.equal(await noHandshake, "");
  assert.equal(messages[0]?.outcome, "timeout");
  assert.deepEqual((await closeReasons(4)).sort(), ["timeout", "timeout", "timeout", "tls-failed"]);
});

test("a session that lasts too long ends at the next MAIL", async (t) => {
  const { server, port } = await startServer({ deadlines: { sessionMs: 30 } });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  await delay(40);
  assert.match(await talker.ask("NOOP"), /^250/);
  assert.match(await talker.ask("MAIL FROM:<a@b.test>"), /^421 4\.4\.2/);
});

test("handlers that refuse, fail, hang, and answer after the client left", async (t) => {
  const methods: string[] = [];
  let late: (value: ReturnType<typeof reply>) => void = () => {};
  let left = 0;
  const { server, port, events, closeReasons } = await startServer({
    deadlines: { handlerMs: 50 },
    methods: {
      mail(_session, { reversePath }) {
        const from = reversePath?.localPart;
        if (from === "refuse") return reply(550, "5.7.1", "Not you");
        if (from === "throw") throw new Error("broken");
        if (from === "reject") return Promise.reject(new Error("broken"));
        if (from === "hang") return new Promise(() => {});
        if (from === "late") return new Promise((resolve) => (late = resolve));
        return from === "leave" ? reply(421, "4.3.2", "Go away") : null;
      },
      data(_session, { recipients }) {
        if (recipients[0]?.localPart === "refuse") return reply(451, "4.3.0", "Not now");
        return {
          write() {
            methods.push("write");
            if (recipients[0]?.localPart === "throw") throw new Error("disk full");
            return recipients[0]?.localPart === "reject" ? Promise.reject(new Error("disk full")) : undefined;
          },
          finish: () => Promise.reject(new Error("no commit")),
          abort: (reason) => void methods.push(reason),
        };
      },
      disconnect: () => void left++,
    },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  assert.equal(await talker.ask("MAIL FROM:<refuse@b.test>"), "550 5.7.1 Not you");
  assert.match(await talker.ask("MAIL FROM:<throw@b.test>"), /^451 4\.3\.0 Local error/);
  assert.match(await talker.ask("MAIL FROM:<reject@b.test>"), /^451 4\.3\.0/);
  for (const [to, expected] of [
    ["refuse", /^451 4\.3\.0 Not now/],
    ["throw", /^354/],
    ["reject", /^354/],
    ["ok", /^354/],
  ] as const) {
    await talker.ask("MAIL FROM:<a@b.test>");
    await talker.ask(`RCPT TO:<${to}@b.test>`);
    assert.match(await talker.ask("DATA"), expected);
    if (to === "refuse") await talker.ask("RSET");
    else {
      talker.send("x\r\n".repeat(10));
      talker.send(".\r\n");
      assert.match(await talker.reply(), /^451 4\.3\.0/);
    }
  }
  assert.deepEqual([...new Set(methods)], ["write", "sink-failed"]);
  assert.equal(methods.filter((method) => method === "sink-failed").length, 2, "and no abort after finish");
  const failed = events.flatMap((event) => (event.kind === "handler-failed" ? [event.method] : []));
  assert.deepEqual(failed, ["mail", "mail", "write", "write", "finish"]);

  assert.match(await talker.ask("MAIL FROM:<hang@b.test>"), /^421 4\.3\.0/);
  assert.equal(await talker.rest(), "");
  const polite = await Talker.hello(port);
  assert.equal(await polite.ask("MAIL FROM:<leave@b.test>"), "421 4.3.2 Go away");
  assert.equal(await polite.rest(), "");
  const gone = await Talker.hello(port);
  gone.send("MAIL FROM:<late@b.test>\r\n");
  await delay(10);
  gone.destroy();
  await delay(10);
  late(reply(250, "2.0.0", "Too late"));
  await closeReasons(3);
  assert.equal(left, 3);
  assert.deepEqual(await closeReasons(3), ["handler-timeout", "refused", "disconnected"]);
});

test("the client leaves: in the middle of data, and half way with words left to answer", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const rude = await Talker.hello(port);
  rude.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
  await rude.replies(3);
  rude.send("half a mess");
  await delay(10);
  rude.destroy();
  await delay(20);
  assert.equal(messages[0]?.outcome, "disconnected");
  const half = await Talker.connect(port);
  await half.reply();
  half.send("EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\nx\r\n.\r\n");
  half.end();
  assert.match(await half.rest(), /354 [^\r]*\r\n250 2\.0\.0 Kept[^\r]*\r\n$/);
});

test("back-pressure: a slow sink stops the client; one that never reads replies is stopped", async (t) => {
  let release: () => void = () => {};
  let written = 0;
  const { server, port, closeReasons } = await startServer({
    limits: { idleCommands: 1e9 },
    deadlines: { commandMs: 300 },
    methods: {
      data: () => ({
        write(chunk) {
          written += chunk.length;
          return new Promise((resolve) => (release = resolve));
        },
        finish: () => reply(250, "2.0.0", "Ok"),
        abort() {},
      }),
    },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  talker.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
  await talker.replies(3);
  const block = `${"x".repeat(98)}\r\n`.repeat(10_000);
  for (let i = 0; i < 32; i++) talker.send(block);
  await delay(50);
  assert.ok(written <= 65536, "one chunk at a time");
  assert.ok(talker.socket.writableLength > 8e6, "the rest waits at the client");
  const pump = setInterval(() => release(), 0);
  talker.send(".\r\n");
  assert.match(await talker.reply(), /^250/);
  clearInterval(pump);
  assert.equal(written, 32e6);
  talker.destroy();

  const deaf = await Talker.hello(port);
  deaf.socket.pause();
  const noops = "HELP\r\n".repeat(10_000);
  for (let i = 0; i < 200; i++) deaf.send(noops);
  await delay(700);
  assert.ok(deaf.socket.writableLength > 0 || deaf.socket.destroyed, "not all was taken");
  assert.equal((await closeReasons(2)).at(-1), "timeout");
  deaf.destroy();
});

test("shutdown: the idle go at once, a message under way is finished, and grace ends (RFC 5321 §3.8)", async () => {
  const { server, port, messages, closeReasons } = await startServer();
  const idle = await Talker.hello(port);
  const busy = await Talker.hello(port);
  const stuck = await Talker.hello(port);
  for (const talker of [busy, stuck]) {
    talker.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
    await talker.replies(3);
  }
  const closed = server.close(100);
  assert.match(await idle.rest(), /^421 4\.3\.2 mx\.test is shutting down\r\n$/);
  busy.send("x\r\n.\r\n");
  assert.match(await busy.rest(), /^250 [^\r]*\r\n421 4\.3\.2 [^\r]*\r\n$/);
  for (const talker of [idle, busy]) talker.end();
  await closed;
  assert.deepEqual(messages.map(({ outcome }) => outcome).sort(), ["finished", "shutdown"]);
  assert.deepEqual(await closeReasons(3), ["shutdown", "shutdown", "disconnected"]);
  await assert.rejects(Talker.connect(port));
});

test("a certificate that cannot be loaded ends the connection, not the server", async (t) => {
  const { server, port, closeReasons } = await startServer({
    secureContext: () => {
      throw new Error("no such file");
    },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  talker.send("STARTTLS\r\n");
  await talker.rest();
  assert.deepEqual(await closeReasons(1), ["tls-failed"]);
  assert.match(await sendMessage(await Talker.hello(port)), /^250/);
});

test("contradicting options are refused", async () => {
  await assert.rejects(
    startServer({ requireAuth: true, handler: { data: () => reply(451, "4.0.0", "") } }),
    TypeError,
  );
});

test("fuzz: any sequence of commands, cuts and garbage ends in time, and only whole messages are kept", async (t) => {
  const { server, port, messages, events } = await startServer({
    limits: { connectionsPerAddress: 1000, idleCommands: 1000, errors: 1000 },
    deadlines: { commandMs: 2000, dataBlockMs: 2000 },
  });
  t.after(() => server.close(0));
  const word = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.constantFrom(
        "EHLO a.test\r\n",
        "MAIL FROM:<a@b.test>\r\n",
        "RCPT TO:<b@b.test>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "x\r\n.\r\n",
        "good\r\n.\r\n",
      ),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "\r\n.\n",
        "\n.\r\n",
        ".\r",
        "\r",
        "\n",
        ".",
        "\0",
        "AUTH PLAIN\r\n",
        "*\r\n",
        "NOOP\r\n",
      ),
    },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets).toString("latin1")),
    },
    { weight: 1, arbitrary: fc.constant("y".repeat(1500)) },
    {
      weight: 5,
      arbitrary: fc.constant(
        "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n.good\r\n.\r\n",
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { maxLength: 25 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      async (words, sizes) => {
        const before = messages.length;
        const talker = await Talker.connect(port);
        await talker.reply();
        const wire = words.join("");
        let turn = 0;
        for (let at = 0; at < wire.length; ) {
          const size = sizes[turn++ % sizes.length] as number;
          talker.send(wire.slice(at, at + size));
          at += size;
          if (turn % 3 === 0) await new Promise(setImmediate);
        }
        talker.end();
        const replies = await talker.rest();
        assert.match(replies, /^(?:\d{3}[ -][\x20-\x7e]*\r\n)*$/, "nothing but replies");
        for (const { outcome, content } of messages.slice(before)) {
          if (outcome !== "finished") continue;
          assert.doesNotMatch(content, /\r(?!\n)|(?<!\r)\n|\0|[^\r\n]{999}/);
          assert.ok(content === "" || content.endsWith("\r\n"));
        }
        talker.destroy();
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 4000, markInterruptAsFailure: false },
  );
  assert.ok(
    messages.some(({ outcome }) => outcome === "finished"),
    "some messages came through",
  );
  assert.ok(!events.some(({ kind }) => kind === "handler-failed"));
  await delay(50);
  assert.equal(server.connections, 0);
});
