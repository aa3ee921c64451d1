import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { certificate, startServer } from "./test-peers.ts";
import { answers, brief, failure, message, opened, scripted, to } from "./test-scripts.ts";

test("a message to our own server, pipelined, and another on the same connection", async (t) => {
  const { server, port, messages, events } = await startServer();
  t.after(() => server.close(0));
  const lines: string[] = [];
  const client = await opened(port, { transcript: (line) => lines.push(line) });
  const [outcome] = await client.send({ ...message, octets: 38 });
  assert.equal(outcome?.status, "delivered");
  assert.match(outcome?.text ?? "", /^Kept as /);
  assert.equal(messages[0]?.content, "Subject: x\r\n\r\n.dot\r\nlast line without end\r\n");
  assert.equal(messages[0]?.envelope.declaredOctets, 38);
  assert.ok(client.usable);
  assert.deepEqual(
    brief(await client.send({ ...message, reversePath: "" }))[0]?.slice(0, 25),
    "delivered at content: 250",
  );
  assert.equal(messages[1]?.from, null);
  await client.quit();
  assert.ok(!client.usable);
  assert.equal(events.filter(({ kind }) => kind === "connected").length, 1);
  assert.deepEqual(lines.slice(0, 2), ["S: 220 mx.test ESMTP", "C: EHLO client.test"]);
  assert.deepEqual(lines.filter((line) => line.startsWith("C:")).slice(1, 6), [
    "C: MAIL FROM:<a@client.test> SIZE=38",
    "C: RCPT TO:<b@mx.test>",
    "C: DATA",
    "C: (42 octets of message data)",
    "C: .",
  ]);
});

test("streamed content arrives as it was, and a large one in blocks", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const client = await opened(port);
  const line = Buffer.from(`.${"x".repeat(70)}\r\n`);
  async function* stream() {
    for (let i = 0; i < 20_000; i++) yield line;
  }
  await client.send({ ...message, content: stream() });
  await client.send({ ...message, content: Buffer.from(line.toString().repeat(20_000)) });
  const expected = line.toString().repeat(20_000);
  assert.ok(messages[0]?.content === expected && messages[1]?.content === expected);
  await assert.rejects(
    client.send({
      ...message,
      content: (async function* () {
        yield line;
        throw new Error("spool unreadable");
      })(),
    }),
    /spool unreadable/,
  );
  assert.ok(!client.usable, "half a message must not be taken for a whole one");
  assert.equal(messages.filter(({ outcome }) => outcome === "finished").length, 2);
});

test("DSN parameters go where they are understood (RFC 3461, RFC 6533)", async (t) => {
  const knowing = await startServer();
  const unknowing = await startServer({ withheld: ["DSN"] });
  t.after(() => Promise.all([knowing, unknowing].map(({ server }) => server.close(0))));
  const letter = {
    ...message,
    returned: "headers" as const,
    envelopeId: "QQ+2B314159",
    recipients: [
      {
        address: "b@mx.test",
        notify: ["success", "delay"] as const,
        originalRecipient: "rfc822;Bob@mx.test",
      },
      { address: "c@mx.test", notify: ["never"] as const, originalRecipient: "utf-8;j\u00fcrgen@mx.test" },
      { address: "d@mx.test", notify: null, originalRecipient: null },
    ],
  };
  for (const { port } of [knowing, unknowing]) {
    const client = await opened(port);
    assert.deepEqual(
      (await client.send(letter)).map(({ status }) => status),
      ["delivered", "delivered", "delivered"],
    );
    client.close();
  }
  const [known, unknown] = [knowing.messages[0]?.envelope, unknowing.messages[0]?.envelope];
  assert.deepEqual([known?.returned, known?.envelopeId], ["headers", "QQ+2B314159"]);
  assert.deepEqual(
    known?.recipients.map(({ notify, originalRecipient }) => [notify, originalRecipient]),
    [
      [["success", "delay"], "rfc822;Bob@mx.test"],
      [["never"], "utf-8;j\\x{FC}rgen@mx.test"],
      [null, null],
    ],
  );
  assert.deepEqual([unknown?.returned, unknown?.envelopeId], [null, null]);
  assert.deepEqual(unknown?.recipients[0]?.notify, null);
  const client = await opened(knowing.port);
  for (const change of [
    { envelopeId: "a\r\nRSET" },
    { recipients: [{ address: "b@mx.test", originalRecipient: "rfc822;a b" }] },
  ]) {
    assert.match(
      brief(await client.send({ ...letter, ...change }))[0] as string,
      /^refused at mail: null 5\.5\.4/,
    );
  }
  client.close();
});

test("REQUIRETLS goes to those who offer it, over a connection that was judged (RFC 8689)", async (t) => {
  const offering = await startServer();
  const withholding = await startServer({ withheld: ["REQUIRETLS"] });
  t.after(() => Promise.all([offering, withholding].map(({ server }) => server.close(0))));
  const strict = { ...message, requireTls: true };
  const tls = { mode: "required", name: "mx.test", ca: certificate } as const;
  const good = await opened(offering.port, { tls });
  assert.equal((await good.send(strict))[0]?.status, "delivered");
  assert.equal(offering.messages[0]?.envelope.requireTls, true);
  good.close();
  for (const [port, mode, expected] of [
    [offering.port, { mode: "never" }, /^refused at mail: null 5\.7\.30/],
    [offering.port, { mode: "opportunistic" }, /^refused at mail: null 5\.7\.10/],
    [withholding.port, tls, /^refused at mail: null 5\.7\.30/],
  ] as const) {
    const client = await opened(port, { tls: mode });
    assert.match(brief(await client.send(strict))[0] as string, expected);
    assert.equal((await client.send(message))[0]?.status, "delivered", "and others still pass");
    client.close();
  }
});

test("every recipient has its own outcome; the connection stays usable (RFC 5321 §3.3)", async (t) => {
  for (const ehlo of ["250-x\r\n250 PIPELINING\r\n", "250 x\r\n"]) {
    const changed: Record<string, string> = {
      "RCPT TO:<no@mx.test>": "550 5.1.1 who?\r\n",
      "RCPT TO:<full@mx.test>": "452 4.2.2 full\r\n",
    };
    const port = await scripted(t, "220 x\r\n", answers(changed, ehlo));
    const client = await opened(port);
    const recipients = ["b@mx.test", "no@mx.test", "full@mx.test"].map(to);
    assert.deepEqual(brief(await client.send({ ...message, recipients })), [
      "delivered at content: 250 2.0.0 ok",
      "refused at rcpt: 550 5.1.1 who?",
      "deferred at rcpt: 452 4.2.2 full",
    ]);
    changed.MAIL = "451 4.7.1 later\r\n";
    assert.deepEqual(brief(await client.send(message)), ["deferred at mail: 451 4.7.1 later"]);
    delete changed.MAIL;
    changed.DATA = "554 no\r\n";
    assert.deepEqual(brief(await client.send(message)), ["refused at data: 554 5.0.0 no"]);
    delete changed.DATA;
    // Everybody is refused, and still DATA is accepted (RFC 2920 §3.1).
    assert.deepEqual(brief(await client.send({ ...message, recipients: [to("no@mx.test")] })), [
      "refused at rcpt: 550 5.1.1 who?",
    ]);
    changed["."] = "550 5.7.1 VSMTP/revoked\r\n";
    assert.deepEqual(brief(await client.send({ ...message, recipients })), [
      "refused at content: 550 5.7.1 VSMTP/revoked",
      "refused at rcpt: 550 5.1.1 who?",
      "deferred at rcpt: 452 4.2.2 full",
    ]);
    assert.ok(client.usable);
    await client.quit();
  }
});

test("HELO for servers that do not know EHLO, and what cannot be sent through them", async (t) => {
  const port = await scripted(t, "220 old\r\n", answers({ EHLO: "502 what?\r\n" }));
  const client = await opened(port, { tls: { mode: "opportunistic" } });
  assert.deepEqual([...client.extensions], []);
  assert.deepEqual(brief(await client.send({ ...message, octets: 5 })), [
    "delivered at content: 250 2.0.0 ok",
  ]);
  for (const [change, expected] of [
    [{ eightBit: true }, /^refused at mail: null 5\.6\.3/],
    [{ smtputf8: true }, /^refused at mail: null 5\.6\.7/],
    [{ recipients: [to("ä@mx.test")] }, /^refused at mail: null 5\.6\.7/],
    [{ recipients: [to("a@b.test>\r\nRSET")] }, /^refused at mail: null 5\.1\.3/],
    [{ content: Buffer.from("a\nb\r\n") }, /^refused at content: null 5\.6\.0 .*bare-lf/],
  ] as const) {
    assert.match(brief(await client.send({ ...message, ...change }))[0] as string, expected);
  }
  assert.ok(client.usable, "nothing was said");
  client.close();
});

test("SIZE, 8BITMIME and SMTPUTF8 are used when offered (RFC 1870, RFC 6152, RFC 6531)", async (t) => {
  const { server, port, messages } = await startServer({ limits: { messageOctets: 1000 } });
  t.after(() => server.close(0));
  const client = await opened(port);
  assert.match(
    brief(await client.send({ ...message, octets: 1001 }))[0] as string,
    /^refused at mail: null 5\.3\.4/,
  );
  await client.send({
    ...message,
    recipients: [to("ä@mx.test")],
    smtputf8: true,
    eightBit: true,
    octets: 999,
  });
  const envelope = messages[0]?.envelope;
  assert.deepEqual([envelope?.smtputf8, envelope?.body, envelope?.declaredOctets], [true, "8bitmime", 999]);
  client.close();
});

test("content that turns out malformed ends the connection, never the message", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const client = await opened(port);
  async function* stream() {
    yield Buffer.alloc(100_000, "good\r\n");
    yield Buffer.from("bad\n.\r\n");
  }
  assert.deepEqual(brief(await client.send({ ...message, content: stream() })), [
    "refused at content: null 5.6.0 the message is malformed: bare-lf",
  ]);
  assert.ok(!client.usable);
  assert.notEqual(messages[0]?.outcome, "finished");
});

test("hostile and broken servers cost a deadline, and nothing more", async (t) => {
  const deadlines = {
    greetingMs: 400,
    ehloMs: 400,
    tlsMs: 400,
    mailMs: 400,
    rcptMs: 400,
    dataMs: 400,
    dataBlockMs: 400,
    dataEndMs: 400,
    quitMs: 400,
  };
  const greetings: [greeting: string, expected: RegExp][] = [
    ["", /^deferred at greeting: null 4\.4\.2 the server did not answer in time/],
    ["554 5.7.1 no\r\n", /^refused at greeting: 554 5\.7\.1 no/],
    ["421 busy\r\n", /^deferred at greeting: 421 4\.0\.0 busy/],
    ["SSH-2.0-OpenSSH\r\n", /^deferred at greeting: null 4\.4\.2 not a reply/],
    ["220 a\n", /^deferred at greeting: null .*not a reply/],
    ["220-", /^deferred at greeting: .*in time/],
    ["x".repeat(100_000), /^deferred at greeting: .*longer than 2048/],
    ["220-x\r\n".repeat(1000), /^deferred at greeting: .*more than 100/],
    ["220 a\r\n250 b\r\n", /^deferred at ehlo: .*a reply to nothing/],
  ];
  // All at a time, so that the deadlines run beside each other.
  const greeted = greetings.map(async ([greeting, expected]) => {
    const port = await scripted(t, greeting, () => null);
    assert.match(await failure(port, { deadlines }), expected, JSON.stringify(greeting.slice(0, 20)));
  });
  await Promise.all(greeted);
  const stages: [changed: Record<string, string | null>, expected: string][] = [
    [{ MAIL: null }, "deferred at mail: null 4.4.2 the server did not answer in time"],
    [{ RCPT: null }, "deferred at rcpt: null 4.4.2 the server did not answer in time"],
    [{ DATA: null }, "deferred at data: null 4.4.2 the server did not answer in time"],
    [{ ".": null }, "deferred at content: null 4.4.2 the server did not answer in time"],
    [{ ".": "250-half\r\n" }, "deferred at content: null 4.4.2 the server did not answer in time"],
    [{ RCPT: "garbage\r\n" }, 'deferred at rcpt: null 4.4.2 not a reply: "garbage\\r\\n"'],
    [{ ".": "354 more\r\n" }, "deferred at content: 354 4.0.0 more"],
    [{ DATA: "250 what\r\n" }, "deferred at data: 250 4.0.0 what"],
  ];
  const sent = ["250-x\r\n250 PIPELINING\r\n", "250 x\r\n"].flatMap((ehlo) =>
    stages.map(async ([changed, expected]) => {
      const port = await scripted(t, "220 x\r\n", answers(changed, ehlo));
      const client = await opened(port, { deadlines });
      assert.deepEqual(brief(await client.send(message)), [expected], ehlo + JSON.stringify(changed));
      client.close();
    }),
  );
  await Promise.all(sent);
  const closing = await scripted(t, "220 x\r\n", (line, socket) => {
    if (line.startsWith("MAIL")) socket.destroy();
    return "250 x\r\n";
  });
  const client = await opened(closing, { deadlines });
  assert.match(brief(await client.send(message))[0] as string, /^deferred at mail: null 4\.4\.2/);
  assert.match(
    brief(await client.send(message))[0] as string,
    /^deferred at mail: null 4\.4\.2/,
    "and again",
  );
  assert.match(
    await failure(1, { deadlines: { connectMs: 1000 } }),
    /^deferred at connect: null 4\.4\.1 cannot connect to mx\.test/,
  );
});

test("a server that does not take the data costs a block's deadline; one that answers early is heard", async (t) => {
  const deaf = await scripted(t, "220 x\r\n", (line, socket) => {
    if (line === "DATA") socket.pause();
    return answers({})(line);
  });
  const content = Buffer.alloc(32 << 20, "0123456789\r\n");
  const slow = await opened(deaf, { deadlines: { dataBlockMs: 80 } });
  assert.deepEqual(brief(await slow.send({ ...message, content })), [
    "deferred at content: null 4.4.2 the server did not answer in time",
  ]);
  let seen = 0;
  const early = await scripted(t, "220 x\r\n", (line) => {
    if (line.startsWith("0")) return ++seen === 100 ? "552 5.3.4 enough\r\n" : null;
    return answers({})(line);
  });
  const client = await opened(early);
  assert.deepEqual(brief(await client.send({ ...message, content })), [
    "refused at content: 552 5.3.4 enough",
  ]);
  assert.ok(!client.usable);
});

test("a kept connection that the server has left is not used again", async (t) => {
  const sockets: Socket[] = [];
  const port = await scripted(t, "220 x\r\n", (line, socket) => {
    sockets.push(socket);
    return answers({})(line);
  });
  const client = await opened(port);
  assert.ok(client.usable);
  sockets[0]?.write("421 4.4.2 idle too long\r\n");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(!client.usable);
  assert.deepEqual(brief(await client.send(message)), ["deferred at mail: 421 4.4.2 idle too long"]);
  await client.quit();
});
