import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { reply } from "./index.ts";
import { delay, sendMessage, startServer, Talker } from "./test-peers.ts";

const plain = (text: string) => Buffer.from(text).toString("base64");

test("a whole session, word by word (RFC 5321 Appendix D)", async (t) => {
  const { server, port, messages, transcript, closeReasons } = await startServer({
    extensions: ["VSMTP enforce"],
  });
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  assert.equal(await talker.reply(), "220 mx.test ESMTP");
  const ehlo =
    "250-mx.test greets client.test|250-PIPELINING|250-SIZE 52428800|250-STARTTLS|250-ENHANCEDSTATUSCODES|250-8BITMIME|250-SMTPUTF8|250-CHUNKING|250-DSN|250-LIMITS RCPTMAX=1000|250-HELP|250 VSMTP enforce";
  assert.equal(await talker.ask("EHLO client.test"), ehlo);
  assert.equal(await talker.ask("MAIL FROM:<a@client.test> SIZE=30 BODY=8BITMIME"), "250 2.1.0 Sender ok");
  assert.equal(await talker.ask("RCPT TO:<b@mx.test>"), "250 2.1.5 Recipient ok");
  assert.equal(await talker.ask('RCPT TO:<"c d"@mx.test>'), "250 2.1.5 Recipient ok");
  assert.equal(await talker.ask("DATA"), "354 End data with <CR><LF>.<CR><LF>");
  talker.send("Subject: x\r\n\r\n..dot\r\n.\r\n");
  const [message] = messages;
  assert.equal(await talker.reply(), `250 2.0.0 Kept as ${message?.envelope.id}`);
  assert.equal(await talker.ask("QUIT"), "221 2.0.0 Bye");
  assert.equal(await talker.rest(), "");
  talker.end();
  assert.equal(message?.content, "Subject: x\r\n\r\n.dot\r\n");
  assert.deepEqual(message?.to, ["b@mx.test", '"c d"@mx.test']);
  assert.equal(message?.protocol, "ESMTP");
  assert.deepEqual([message?.envelope.declaredOctets, message?.envelope.body], [30, "8bitmime"]);
  assert.deepEqual(await closeReasons(1), ["quit"]);
  assert.equal(server.connections, 0);
  assert.deepEqual(transcript.slice(-6), [
    "S: 354 End data with <CR><LF>.<CR><LF>",
    "C: (20 octets of message data)",
    "C: .",
    `S: 250 2.0.0 Kept as ${message?.envelope.id}`,
    "C: QUIT",
    "S: 221 2.0.0 Bye",
  ]);
});

test("commands out of order and what each is answered (RFC 5321 §4.1.4, §4.3.2)", async (t) => {
  const { server, port } = await startServer();
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  await talker.reply();
  const dialogue: [line: string, reply: RegExp][] = [
    ["MAIL FROM:<a@b.test>", /^503 5\.5\.1 Send EHLO first/],
    ["RCPT TO:<a@b.test>", /^503 5\.5\.1/],
    ["DATA", /^503 5\.5\.1/],
    ["NOOP", /^250 2\.0\.0/],
    ["HELP", /^214 2\.0\.0/],
    ["HELO client.test", /^250 mx\.test$/],
    ["MAIL FROM:<a@b.test> SIZE=1", /^555 5\.5\.4/],
    ["AUTH PLAIN", /^538 5\.7\.11/],
    ["EHLO client.test", /^250-/],
    ["RCPT TO:<a@b.test>", /^503/],
    ["MAIL FROM:<a@b.test>", /^250/],
    ["MAIL FROM:<a@b.test>", /^503 5\.5\.1/],
    ["DATA", /^554 5\.5\.1 No valid recipients/],
    ["RCPT TO:<a@b.test>", /^250/],
    ["RSET", /^250 2\.0\.0/],
    ["DATA", /^503/],
    ["MAIL FROM:<a@b.test>", /^250/],
    ["EHLO client.test", /^250-/],
    ["RCPT TO:<a@b.test>", /^503/],
    ["MAIL FROM:<> SIZE=99999999999", /^552 5\.3\.4/],
    ["VRFY a", /^252 2\.0\.0/],
    ["EXPN a", /^502 5\.5\.1/],
    ["BOGUS", /^500 5\.5\.1/],
    ["MAIL FROM:<>", /^250/],
    ["RCPT TO:<\xc3\xa4@b.test>", /^553 5\.6\.7/],
    ["QUIT", /^221/],
  ];
  for (const [line, expected] of dialogue) assert.match(await talker.ask(line), expected, line);
});

test("what the handler says a session cannot have is not offered, and refused where it is used", async (t) => {
  let messageOctets: number | null = 5000;
  const extensions = new Set(["8BITMIME", "SMTPUTF8", "DSN"] as const);
  const { server, port } = await startServer({
    methods: { withholds: () => ({ extensions, messageOctets }) },
  });
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  await talker.reply();
  const offered = await talker.ask("EHLO client.test");
  assert.match(offered, /\|250-SIZE 5000\|/);
  assert.doesNotMatch(offered, /8BITMIME|SMTPUTF8|DSN/);
  for (const parameter of ["BODY=8BITMIME", "SMTPUTF8", "RET=FULL"]) {
    assert.match(await talker.ask(`MAIL FROM:<a@b.test> ${parameter}`), /^555 5\.5\.4/);
  }
  messageOctets = null;
  extensions.clear();
  assert.match(await talker.ask("EHLO client.test"), /\|250-SIZE 52428800\|.*\|250-8BITMIME\|250-SMTPUTF8\|/);
  assert.match(await talker.ask("MAIL FROM:<a@b.test> BODY=8BITMIME SMTPUTF8"), /^250/);
});

test("DSN and REQUIRETLS: into the envelope where offered, 555 where not (RFC 3461, RFC 8689)", async (t) => {
  const { server, port, messages } = await startServer();
  const withholding = await startServer({ withheld: ["DSN", "REQUIRETLS"] });
  t.after(() => Promise.all([server.close(0), withholding.server.close(0)]));
  const talker = await Talker.hello(port);
  assert.match(await talker.ask("MAIL FROM:<a@b.test> REQUIRETLS"), /^555 5\.5\.4 Parameter REQUIRETLS/);
  await talker.ask("STARTTLS");
  await talker.startTls();
  assert.match(await talker.ask("EHLO client.test"), /\|250-DSN\|250-REQUIRETLS\|/);
  const dialogue: [line: string, reply: RegExp][] = [
    ["MAIL FROM:<a@b.test> REQUIRETLS RET=HDRS ENVID=x+2By", /^250/],
    ["RCPT TO:<b@mx.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B@mx.test", /^250/],
    ["RCPT TO:<c@mx.test> NOTIFY=SOMETIMES", /^501 5\.5\.4 NOTIFY is NEVER, or some of/],
    ["RCPT TO:<c@mx.test> ORCPT=utf-8;\xc3\xbc@mx.test", /^553 5\.6\.7/],
    ["RCPT TO:<c@mx.test>", /^250/],
    ["DATA", /^354/],
    ["x\r\n.", /^250/],
  ];
  for (const [line, expected] of dialogue) assert.match(await talker.ask(line), expected, line);
  const envelope = messages[0]?.envelope;
  assert.deepEqual(
    [envelope?.requireTls, envelope?.returned, envelope?.envelopeId],
    [true, "headers", "x+2By"],
  );
  assert.deepEqual(
    envelope?.recipients.map(({ text, notify, originalRecipient }) => [text, notify, originalRecipient]),
    [
      ["b@mx.test", ["success", "delay"], "rfc822;B@mx.test"],
      ["c@mx.test", null, null],
    ],
  );
  talker.destroy();
  const other = await Talker.secured(withholding.port);
  assert.doesNotMatch(await other.ask("EHLO client.test"), /DSN|REQUIRETLS/);
  for (const line of ["MAIL FROM:<> RET=HDRS", "MAIL FROM:<> ENVID=x", "MAIL FROM:<> REQUIRETLS"]) {
    assert.match(await other.ask(line), /^555 5\.5\.4/, line);
  }
  await other.ask("MAIL FROM:<>");
  assert.match(await other.ask("RCPT TO:<b@mx.test> NOTIFY=NEVER"), /^555 5\.5\.4 Parameter NOTIFY/);
  other.destroy();
  const old = await Talker.connect(port);
  await old.reply();
  await old.ask("HELO client.test");
  await old.ask("MAIL FROM:<>");
  assert.match(await old.ask("RCPT TO:<b@mx.test> NOTIFY=NEVER"), /^555 5\.5\.4 Parameters need EHLO/);
  old.destroy();
});

test("STARTTLS forgets what was said, and AUTH works inside only (RFC 3207 §4.2, RFC 4954)", async (t) => {
  const { server, port, messages, transcript, events } = await startServer();
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  assert.match(await talker.ask(`AUTH PLAIN ${plain("\0u\0secret")}`), /^538/, "never in clear");
  await talker.ask("MAIL FROM:<a@b.test>");
  assert.match(await talker.ask("STARTTLS"), /^220 2\.0\.0/);
  await talker.startTls();
  assert.match(await talker.ask("RCPT TO:<a@b.test>"), /^503/);
  assert.match(await talker.ask(`AUTH PLAIN ${plain("\0u\0secret")}`), /^503 5\.5\.1 Send EHLO/);
  const ehlo = await talker.ask("EHLO client.test");
  assert.match(ehlo, /\|250-AUTH PLAIN LOGIN\|/);
  assert.doesNotMatch(ehlo, /STARTTLS/);
  assert.match(await talker.ask("STARTTLS"), /^503/);
  const dialogue: [line: string, reply: RegExp][] = [
    ["AUTH CRAM-MD5", /^504 5\.5\.4/],
    ["AUTH PLAIN =", /^501 5\.5\.2/],
    ["AUTH PLAIN !!!", /^501 5\.5\.2/],
    ["AUTH PLAIN", /^334 $|^334$/],
    ["*", /^501 5\.7\.0/],
    ["AUTH LOGIN", /^334 VXNlcm5hbWU6/],
    ["not base64!", /^501 5\.5\.2/],
    ["AUTH LOGIN", /^334 VXNlcm5hbWU6/],
    ["x".repeat(13000), /^500 5\.5\.6/],
    [`AUTH LOGIN ${plain("user")}`, /^334 UGFzc3dvcmQ6/],
    [plain("secret"), /^235 2\.7\.0/],
    ["AUTH PLAIN", /^503 5\.5\.1/],
  ];
  for (const [line, expected] of dialogue) assert.match(await talker.ask(line), expected, line.slice(0, 40));
  assert.match(await sendMessage(talker), /^250/);
  assert.equal(messages[0]?.protocol, "ESMTPSA");
  talker.destroy();
  assert.ok(transcript.some((line) => /^ {3}<TLS: TLSv1\.3, TLS_/.test(line)));
  assert.ok(!transcript.some((line) => line.includes(plain("secret"))), "no password in the transcript");
  assert.ok(
    !events.some(({ kind }) => kind === "auth-failed"),
    "octets that are no attempt are none that failed",
  );
});

test("requireAuth, starttls-required and implicit TLS (RFC 6409 §4.3, RFC 3207 §4, RFC 8314)", async (t) => {
  const required = await startServer({ tlsMode: "starttls-required", requireAuth: true });
  t.after(() => required.server.close(0));
  const talker = await Talker.hello(required.port);
  for (const line of ["MAIL FROM:<a@b.test>", "RSET", "VRFY a", "AUTH PLAIN"]) {
    assert.equal(await talker.ask(line), "530 5.7.0 Must issue a STARTTLS command first");
  }
  await talker.ask("STARTTLS");
  await talker.startTls();
  await talker.ask("EHLO client.test");
  assert.equal(await talker.ask("MAIL FROM:<a@b.test>"), "530 5.7.0 Authentication required");
  await talker.ask(`AUTH PLAIN ${plain("\0u\0secret")}`);
  assert.match(await talker.ask("MAIL FROM:<a@b.test>"), /^250/);
  talker.destroy();

  let introduced = 0;
  const implicit = await startServer({
    tlsMode: "implicit",
    deadlines: { tlsMs: 100 },
    methods: {
      connect() {
        introduced++;
        return null;
      },
      disconnect: () => void introduced--,
    },
  });
  t.after(() => implicit.server.close(0));
  const inside = await Talker.connect(implicit.port);
  await inside.startTls();
  assert.match(await inside.reply(), /^220/);
  assert.match(await inside.ask("EHLO client.test"), /AUTH PLAIN LOGIN/);
  assert.match(await sendMessage(inside), /^250/);
  assert.equal(implicit.messages[0]?.protocol, "ESMTPS");
  inside.destroy();
  const garbage = await Talker.connect(implicit.port);
  garbage.send("EHLO client.test\r\n");
  await garbage.rest();
  const silent = await Talker.connect(implicit.port);
  await silent.rest();
  await delay(10);
  assert.equal(implicit.server.connections, 0, "a failed handshake closes");
  assert.equal(
    introduced,
    0,
    "the handler is told of the end of what it was asked about, and of nothing else",
  );
  assert.deepEqual((await implicit.closeReasons(3)).slice(1), ["tls-failed", "tls-failed"]);
});

test("octets behind STARTTLS end the connection: command injection (RFC 3207 §5, CVE-2011-0411)", async (t) => {
  const { server, port, messages, closeReasons } = await startServer();
  t.after(() => server.close(0));
  for (const behind of ["EHLO evil.test\r\nMAIL FROM:<evil@a.test>\r\n", "E", "\r\n"]) {
    const talker = await Talker.hello(port);
    talker.send(`STARTTLS\r\n${behind}`);
    assert.equal(await talker.rest(), "", "not even the 220");
  }
  assert.deepEqual(await closeReasons(3), Array(3).fill("starttls-injection"));
  assert.equal(messages.length, 0);
});

test("pipelined commands are answered in order, in one piece (RFC 2920)", async (t) => {
  const { server, port, messages } = await startServer({
    // Answers at once and later in turns.
    methods: {
      rcpt: (_session, { localPart }) =>
        localPart === "no" ? Promise.resolve(reply(550, "5.1.1", "No")) : null,
    },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  let pieces = 0;
  talker.socket.on("data", () => pieces++);
  talker.send(
    "MAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\nRCPT TO:<no@b.test>\r\nRCPT TO:<y@b.test>\r\nDATA\r\n",
  );
  const codes = (await talker.replies(5)).map((line) => line.slice(0, 3));
  assert.deepEqual(codes, ["250", "250", "550", "250", "354"]);
  assert.equal(pieces, 1);
  // The next transaction behind the end of data, and the content cut badly.
  talker.send("one\r\n.\r\nMAIL FROM:<c@d.test>\r\nRCPT TO:<z@b.test>\r\nDA");
  talker.send("TA\r\n");
  assert.deepEqual(
    (await talker.replies(4)).map((line) => line.slice(0, 3)),
    ["250", "250", "250", "354"],
  );
  talker.send("two\r\n.\r\nQUIT\r\n");
  assert.match(await talker.rest(), /^250.*\r\n221.*\r\n$/s);
  assert.deepEqual(
    messages.map(({ content, to }) => [content, to]),
    [
      ["one\r\n", ["x@b.test", "y@b.test"]],
      ["two\r\n", ["z@b.test"]],
    ],
  );
});

test("byte by byte the same session has the same outcome", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  await talker.reply();
  const wire =
    "EHLO a.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\nDATA\r\nhe..llo\r\n..\r\n.\r\nQUIT\r\n";
  for (const octet of wire) {
    talker.send(octet);
    await new Promise(setImmediate);
  }
  assert.match(await talker.rest(), /354.*\r\n250.*\r\n221 .*\r\n$/s);
  assert.equal(messages[0]?.content, "he..llo\r\n.\r\n");
});

test("malformed content: 550 5.6.0; after bare CR or LF the connection closes too (MSG-1, MSG-2, MSG-5)", async (t) => {
  const { server, port, messages, events } = await startServer();
  t.after(() => server.close(0));
  const smuggle = "MAIL FROM:<evil@a.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nevil\r\n.\r\n";
  const closing: [content: string, outcome: string][] = [
    [`hi\n.\r\n${smuggle}`, "bare-lf"],
    [`hi\n.\n${smuggle}`, "bare-lf"],
    [`hi\r\n.\n${smuggle}`, "bare-lf"],
    [`hi\r\n.\r${smuggle}`, "bare-cr"],
    [`hi\r.\r${smuggle}`, "bare-cr"],
    [`hi\r\n\0.\r\nbare\n${smuggle}`, "bare-lf"],
  ];
  for (const [content, outcome] of closing) {
    const talker = await Talker.hello(port);
    assert.match(await sendMessage(talker, content.replace(/\.\r\n$/, "")), /^550 5\.6\.0 Message refused/);
    assert.equal(await talker.rest(), "", "closed, and nothing behind was answered");
    assert.equal(messages.at(-1)?.outcome, outcome);
  }
  assert.equal(messages.length, closing.length, "no smuggled message");
  const talker = await Talker.hello(port);
  assert.match(await sendMessage(talker, "a\0b\r\n"), /^550 5\.6\.0 Message refused: a NUL/);
  assert.match(await sendMessage(talker, `${"x".repeat(999)}\r\n`), /^550 5\.6\.0 Message refused: a line/);
  assert.match(await sendMessage(talker, `${"x".repeat(998)}\r\n`), /^250/);
  talker.destroy();
  assert.equal(events.filter(({ kind }) => kind === "content-refused").length, closing.length + 2);
});

test("bare LF in commands is an error, never a line end (RFC 5321 §2.3.8)", async (t) => {
  const { server, port } = await startServer();
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  await talker.reply();
  talker.send("EHLO a.test\nNOOP\r\n");
  assert.deepEqual(await talker.replies(2), ["500 5.5.2 Lines end with CR LF", "250 2.0.0 Ok"]);
  talker.send("NOOP\rNOOP\r\n");
  assert.equal(await talker.reply(), "500 5.5.2 Lines end with CR LF");
  talker.destroy();
});

test("content behind a refused DATA never becomes commands (RFC 2920 §3.1)", async (t) => {
  const { server, port, messages, closeReasons } = await startServer({ withheld: ["CHUNKING"] });
  t.after(() => server.close(0));
  for (const refused of ["DATA", "BDAT 40"]) {
    const talker = await Talker.hello(port);
    talker.send(`${refused}\r\nMAIL FROM:<evil@a.test>\r\nRCPT TO:<b@mx.test>\r\n.\r\n`);
    assert.match(await talker.rest(), /^50[23] 5\.5\.1 [^\r]*\r\n$/);
  }
  const browser = await Talker.connect(port);
  await browser.reply();
  browser.send("POST / HTTP/1.1\r\nHost: mx.test\r\n\r\nMAIL FROM:<evil@a.test>\r\n");
  assert.match(await browser.rest(), /^500 5\.5\.1 [^\r]*\r\n$/);
  assert.deepEqual(await closeReasons(3), ["pipelined-data", "not-smtp", "not-smtp"]);
  assert.equal(messages.length, 0);
});

test("early talkers are refused (RFC 5321 §3.1)", async (t) => {
  const { server, port, closeReasons } = await startServer({ deadlines: { greetingDelayMs: 30 } });
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  talker.send("EHLO spam.test\r\n");
  assert.match(await talker.rest(), /^554 5\.5\.1 [^\r]*\r\n$/);
  assert.deepEqual(await closeReasons(1), ["early-talker"]);
  const patient = await Talker.connect(port);
  assert.match(await patient.reply(), /^220/);
  patient.destroy();
  // Without a delay, those whose words are there before the greeting are still seen.
  const quick = await startServer();
  t.after(() => quick.server.close(0));
  const socket = connect({ port: quick.port, host: "127.0.0.1" });
  socket.write("EHLO spam.test\r\n"); // goes out with the connection
  const first = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  assert.match(first.toString(), /^(?:554|220)/);
  socket.destroy();
});

test("what a handler may answer on connect", async (t) => {
  const { server, port } = await startServer({
    methods: { connect: async () => reply(554, "5.7.1", "Not from your network") },
  });
  t.after(() => server.close(0));
  const talker = await Talker.connect(port);
  assert.equal(await talker.rest(), "554 5.7.1 Not from your network\r\n");
});
