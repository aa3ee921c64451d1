import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  type Dialer,
  type OpenResult,
  openSmtp,
  type PeerCertificates,
  type RecipientOutcome,
  type SmtpClient,
  type SmtpClientOptions,
} from "./index.ts";
import { certificate, startServer } from "./test-peers.ts";

const dialer: Dialer = {
  async connect({ address, port }, signal) {
    const socket = connect(port, address);
    await once(socket, "connect", { signal });
    return socket;
  },
};

function open(port: number, options: Partial<SmtpClientOptions> = {}): Promise<OpenResult> {
  const target = { host: "mx.test", address: "127.0.0.1", port };
  return openSmtp(dialer, target, { hostname: "client.test", tls: { mode: "never" }, ...options });
}

async function opened(port: number, options: Partial<SmtpClientOptions> = {}): Promise<SmtpClient> {
  const result = await open(port, options);
  return result.ok ? result.client : assert.fail(result.failure.text);
}

async function failure(port: number, options: Partial<SmtpClientOptions> = {}): Promise<string> {
  const result = await open(port, options);
  if (result.ok) return assert.fail("opened");
  const { status, stage, code, enhanced, text } = result.failure;
  return `${status} at ${stage}: ${code} ${enhanced} ${text}`;
}

function brief(outcomes: readonly RecipientOutcome[]): string[] {
  return outcomes.map(
    ({ status, stage, code, enhanced, text }) => `${status} at ${stage}: ${code} ${enhanced} ${text}`,
  );
}

const to = (address: string) => ({ address });

const message = {
  reversePath: "a@client.test",
  recipients: [to("b@mx.test")],
  content: Buffer.from("Subject: x\r\n\r\n.dot\r\nlast line without end"),
};

/** A server that answers each line by a script; null: silence. */
async function scripted(
  t: TestContext,
  greeting: string,
  answer: (line: string, socket: Socket) => string | null,
) {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(greeting);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        const words = answer(line, socket);
        if (words !== null) socket.write(words);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** The answers of an ordinary server, and what differs from them. */
function answers(changed: Record<string, string | null>, ehlo = "250-x\r\n250 PIPELINING\r\n") {
  let inData = false;
  let silent = false;
  return (line: string): string | null => {
    if (silent || (inData && line !== ".")) return null;
    inData = false;
    const verb = line === "." ? "." : (line.split(/[ :]/)[0] as string);
    const found = changed[line] !== undefined ? changed[line] : changed[verb];
    const words =
      found !== undefined
        ? found
        : verb === "EHLO"
          ? ehlo
          : verb === "DATA"
            ? "354 go\r\n"
            : verb === "QUIT"
              ? "221 bye\r\n"
              : "250 2.0.0 ok\r\n";
    if (verb === "DATA" && words?.startsWith("354")) inData = true;
    silent = words === null;
    return words;
  };
}

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

test("TLS: opportunistic without a check, required and implicit with one (RFC 3207, RFC 7435, RFC 8314)", async (t) => {
  const starttls = await startServer();
  const implicit = await startServer({ tlsMode: "implicit" });
  const plain = await startServer({ tlsMode: "plain" });
  t.after(() => Promise.all([starttls, implicit, plain].map(({ server }) => server.close(0))));
  for (const [port, tls] of [
    [starttls.port, { mode: "opportunistic" }],
    [starttls.port, { mode: "required", name: "mx.test", ca: certificate }],
    [implicit.port, { mode: "implicit", name: "mx.test", ca: certificate }],
    [plain.port, { mode: "opportunistic" }],
  ] as const) {
    const client = await opened(port, { tls });
    assert.equal((await client.send(message))[0]?.status, "delivered");
    client.close();
  }
  const kept = [...starttls.messages, ...implicit.messages, ...plain.messages].map(
    ({ protocol }) => protocol,
  );
  assert.deepEqual(kept, ["ESMTPS", "ESMTPS", "ESMTPS", "ESMTP"]);
  assert.match(
    await failure(starttls.port, { tls: { mode: "required", name: "mx.test" } }),
    /^deferred at starttls: null 4\.7\.5 the certificate is not trusted: DEPTH_ZERO_SELF_SIGNED/,
  );
  assert.match(
    await failure(starttls.port, { tls: { mode: "required", name: "other.test", ca: certificate } }),
    /^deferred at starttls: null 4\.7\.5 .*other\.test/,
  );
  assert.equal(
    await failure(plain.port, { tls: { mode: "required", name: "mx.test" } }),
    "deferred at starttls: null 4.7.4 TLS is required but not offered",
  );
});

test("TLS judged by the caller, and what was agreed on (RFC 7672, RFC 8461)", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const seen: PeerCertificates[] = [];
  const judged = (name: string, verdict: string | null, ca?: string) => ({
    mode: "judged" as const,
    name,
    accept(certificates: PeerCertificates) {
      seen.push(certificates);
      return verdict;
    },
    ...(ca === undefined ? {} : { ca }),
  });
  const trusting = await opened(port, { tls: judged("mx.test", null) });
  assert.deepEqual(trusting.tls, {
    version: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    authenticated: true,
  });
  trusting.close();
  assert.equal(
    await failure(port, { tls: judged("other.test", "no TLSA record matches", certificate) }),
    "deferred at starttls: null 4.7.5 no TLSA record matches",
  );
  (await opened(port, { tls: judged("mx.test", null, certificate) })).close();
  const own = new X509Certificate(certificate).raw;
  assert.deepEqual(
    seen.map(({ chain }) => chain.map((one) => Buffer.compare(one, own))),
    [[0], [0], [0]],
    "self-signed: itself alone",
  );
  assert.match(seen[0]?.webPkiProblem ?? "", /SELF_SIGNED/);
  assert.match(seen[1]?.webPkiProblem ?? "", /other\.test/);
  assert.equal(seen[2]?.webPkiProblem, null);
  const unchecked = await opened(port, { tls: { mode: "opportunistic" } });
  assert.equal(unchecked.tls?.authenticated, false);
  unchecked.close();
  const clear = await opened(port);
  assert.equal(clear.tls, null);
  clear.close();
  const broken = open(port, {
    tls: {
      mode: "judged",
      name: "mx.test",
      accept: () => {
        throw new Error("a bug of the judge");
      },
    },
  });
  await assert.rejects(broken, /a bug of the judge/);
  assert.equal(messages.length, 0);
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

test("AUTH PLAIN inside TLS only (RFC 4616)", async (t) => {
  const { server, port, messages } = await startServer({ requireAuth: true });
  t.after(() => server.close(0));
  const lines: string[] = [];
  const tls = { mode: "required", name: "mx.test", ca: certificate } as const;
  const client = await opened(port, {
    tls,
    credentials: { user: "u", password: "secret" },
    transcript: (line) => lines.push(line),
  });
  assert.equal((await client.send(message))[0]?.status, "delivered");
  client.close();
  assert.equal(messages[0]?.protocol, "ESMTPSA");
  assert.ok(lines.includes("C: AUTH PLAIN (credentials)"));
  assert.match(
    await failure(port, { tls, credentials: { user: "u", password: "no" } }),
    /^refused at auth: 535 5\.7\.8/,
  );
  assert.match(
    await failure(port, { credentials: { user: "u", password: "secret" } }),
    /^deferred at auth: null 4\.7\.11/,
  );
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
    greetingMs: 60,
    ehloMs: 60,
    tlsMs: 60,
    mailMs: 60,
    rcptMs: 60,
    dataMs: 60,
    dataBlockMs: 60,
    dataEndMs: 60,
    quitMs: 60,
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
  for (const [greeting, expected] of greetings) {
    const port = await scripted(t, greeting, () => null);
    assert.match(await failure(port, { deadlines }), expected, JSON.stringify(greeting.slice(0, 20)));
  }
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
  for (const ehlo of ["250-x\r\n250 PIPELINING\r\n", "250 x\r\n"]) {
    for (const [changed, expected] of stages) {
      const port = await scripted(t, "220 x\r\n", answers(changed, ehlo));
      const client = await opened(port, { deadlines });
      assert.deepEqual(brief(await client.send(message)), [expected], ehlo + JSON.stringify(changed));
      client.close();
    }
  }
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

test("words behind the reply to STARTTLS are an attack (RFC 3207 §5)", async (t) => {
  const port = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "220 go\r\n250 injected\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  const tls = { mode: "required", name: "mx.test", ca: certificate } as const;
  assert.match(
    await failure(port, { tls }),
    /^deferred at starttls: null 4\.4\.2 (?:octets follow|a reply to nothing)/,
  );
  const silent = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "220 go\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  assert.match(await failure(silent, { tls, deadlines: { tlsMs: 60 } }), /^deferred at starttls: .*in time/);
  const refusing = await scripted(
    t,
    "220 x\r\n",
    answers({ STARTTLS: "454 not now\r\n" }, "250-x\r\n250 STARTTLS\r\n"),
  );
  assert.match(await failure(refusing, { tls }), /^deferred at starttls: 454/);
  assert.ok((await open(refusing, { tls: { mode: "opportunistic" } })).ok, "opportunistic goes on in clear");
});
