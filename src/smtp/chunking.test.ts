import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { reply } from "./index.ts";
import { delay, startServer, Talker } from "./test-peers.ts";

const envelope = "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\n";

/** A command with its octets (Latin-1). */
const bdat = (octets: string, last = "") => `BDAT ${octets.length}${last}\r\n${octets}`;

/** A session in a transaction with a recipient. */
async function begun(port: number): Promise<Talker> {
  const talker = await Talker.hello(port);
  talker.send(envelope);
  await talker.replies(2);
  return talker;
}

async function codes(talker: Talker, count: number): Promise<string[]> {
  return (await talker.replies(count)).map((line) => line.slice(0, 9).trimEnd());
}

test("BDAT: chunks make a message, nothing is unstuffed, and all is pipelined (RFC 3030)", async (t) => {
  const { server, port, messages, transcript } = await startServer();
  t.after(() => server.close(0));
  const first = "Subject: x\r\n\r\n..two dots\r\n.\r\n.\r";
  const second = "\nlast\r\n";
  const wire = `${envelope + bdat(first) + bdat(second, " LAST") + envelope + bdat("one chunk\r\n", " LAST")}QUIT\r\n`;
  for (const size of [wire.length, 1, 7]) {
    messages.length = 0;
    const talker = await Talker.hello(port);
    for (let at = 0; at < wire.length; at += size) {
      talker.send(wire.slice(at, at + size));
      if (size < wire.length) await new Promise(setImmediate);
    }
    const [mail, rcpt, chunk, last, ...others] = await talker.replies(8);
    assert.match(`${mail} ${rcpt}`, /^250.* 250/);
    assert.equal(chunk, `250 2.0.0 ${first.length} octets received`);
    assert.equal(last, `250 2.0.0 Kept as ${messages[0]?.envelope.id}`);
    assert.deepEqual(
      others.map((line) => line.slice(0, 3)),
      ["250", "250", "250", "221"],
    );
    assert.deepEqual(
      messages.map(({ content }) => content),
      [first + second, "one chunk\r\n"],
    );
  }
  assert.deepEqual(transcript.slice(-5), [
    "C: BDAT 11 LAST",
    "C: (11 octets of message data)",
    `S: 250 2.0.0 Kept as ${messages[1]?.envelope.id}`,
    "C: QUIT",
    "S: 221 2.0.0 Bye",
  ]);
});

test("BDAT: a last line without an end gets one; an empty message is one", async (t) => {
  const { server, port, messages } = await startServer();
  t.after(() => server.close(0));
  for (const [chunks, content] of [
    [bdat("x", " LAST"), "x\r\n"],
    [bdat("x") + bdat("", " LAST"), "x\r\n"],
    [bdat("x\r\n") + bdat("", " LAST"), "x\r\n"],
    [bdat("x\r") + bdat("\n", " LAST"), "x\r\n"],
    [bdat("", " LAST"), ""],
    [bdat("\r\n", " LAST"), "\r\n"],
  ] as const) {
    const talker = await begun(port);
    talker.send(`${chunks}NOOP\r\n`);
    for (const answer of await talker.replies(chunks.split("BDAT").length)) assert.match(answer, /^250/);
    assert.equal(messages.at(-1)?.content, content, JSON.stringify(chunks));
    talker.destroy();
  }
});

// What would end a message for some server on the way, were it not counted.
const smuggled = ["\n", "\r", "\r\n", "\n\r", "\r\r\n", "\0\r\n"].flatMap((before) =>
  [".", "..", ".\0"].flatMap((dot) =>
    ["\n", "\r", "\r\n", "\r\r\n", "\n\r", "\0\r\n"].map((after) => before + dot + after),
  ),
);

test("BDAT: nothing in a chunk is a command, and bad lines refuse the message (MSG-1 to MSG-4, MSG-6)", async (t) => {
  const { server, port, messages, events } = await startServer({
    limits: { errors: 1e9, idleCommands: 1e9 },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  let refused = 0;
  for (const end of smuggled) {
    const content = `a${end}MAIL FROM:<evil@a.test>\r\nRCPT TO:<b@mx.test>\r\nBDAT 6 LAST\r\nevil\r\n`;
    const bad = /\r(?!\n)|(?<!\r)\n|\0/.test(content);
    // Cut in two at each place near the bad octets.
    for (let cut = 0; cut <= 6; cut++) {
      messages.length = 0;
      talker.send(`${envelope}${bdat(content.slice(0, cut))}${bdat(content.slice(cut), " LAST")}NOOP\r\n`);
      const [, , first, last, noop] = await codes(talker, 5);
      const name = `${JSON.stringify(end)} cut at ${cut}`;
      assert.equal(noop, "250 2.0.0", name);
      assert.equal(messages.length, 1, name);
      if (!bad) {
        assert.equal(last, "250 2.0.0", name);
        assert.equal(messages[0]?.content, content, name);
      } else {
        refused++;
        // The chunk that shows the fault is refused, and what follows belongs to no message.
        if (first === "550 5.6.0") assert.equal(last, "503 5.5.1", name);
        else assert.deepEqual([first, last], ["250 2.0.0", "550 5.6.0"], name);
        assert.match(messages[0]?.outcome ?? "", /^(?:bare-cr|bare-lf|nul)$/, name);
      }
    }
  }
  assert.ok(refused > 600, `${refused} refused`);
  assert.equal(events.filter(({ kind }) => kind === "content-refused").length, refused);
  talker.send(envelope + bdat(`${"x".repeat(999)}\r\n`, " LAST") + envelope + bdat("a\r", " LAST"));
  assert.deepEqual(
    (await codes(talker, 6)).filter((_, at) => at % 3 === 2),
    ["550 5.6.0", "550 5.6.0"],
  );
  talker.destroy();
});

test("BDAT out of order: said when its octets are discarded (RFC 3030 §2)", async (t) => {
  const { server, port, messages } = await startServer({
    limits: { errors: 1000 },
    methods: {
      rcpt: (_session, { localPart }) => (localPart === "no" ? reply(550, "5.1.1", "No") : null),
    },
  });
  t.after(() => server.close(0));
  const content = "QUIT\r\nMAIL FROM:<evil@a.test>\r\n";
  const dialogue: [wire: string, ...expected: string[]][] = [
    [bdat(content), "503 5.5.1"],
    [bdat(content, " LAST"), "503 5.5.1"],
    ["MAIL FROM:<a@b.test>\r\nRCPT TO:<no@b.test>\r\n", "250 2.1.0", "550 5.1.1"],
    [bdat(content) + bdat(content, " LAST"), "554 5.5.1", "503 5.5.1"],
    [envelope + bdat("x\r\n"), "250 2.1.0", "250 2.1.5", "250 2.0.0"],
    ["RCPT TO:<late@mx.test>\r\n", "503 5.5.1"],
    ["MAIL FROM:<c@d.test>\r\n", "503 5.5.1"],
    ["DATA\r\n", "503 5.5.1"],
    ["NOOP\r\n", "250 2.0.0"],
    [bdat("y\r\n", " LAST"), "250 2.0.0"],
    [bdat("z\r\n", " LAST"), "503 5.5.1"],
    [envelope + bdat("given up\r\n"), "250 2.1.0", "250 2.1.5", "250 2.0.0"],
    ["RSET\r\n", "250 2.0.0"],
    [bdat("z\r\n", " LAST"), "503 5.5.1"],
    [envelope + bdat("given up\r\n"), "250 2.1.0", "250 2.1.5", "250 2.0.0"],
    ["EHLO client.test\r\n", "250-mx.te"],
    [bdat("z\r\n", " LAST"), "503 5.5.1"],
    ["HELO client.test\r\n", "250 mx.te"],
    [`${envelope}${bdat(content, " LAST")}`, "250 2.1.0", "250 2.1.5", "503 5.5.1"],
  ];
  const talker = await Talker.hello(port);
  for (const [wire, ...expected] of dialogue) {
    talker.send(wire);
    assert.deepEqual(await codes(talker, expected.length), expected, wire);
  }
  assert.deepEqual(
    messages.map(({ content, outcome }) => [content, outcome]),
    [
      ["x\r\ny\r\n", "finished"],
      ["", "reset"],
      ["", "reset"],
    ],
  );
  talker.send(`EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n${bdat("x\r\n")}`);
  await talker.replies(4);
  talker.send("DATA\r\nMAIL FROM:<evil@a.test>\r\n.\r\n");
  assert.match(await talker.rest(), /^503 5\.5\.1 [^\r]*\r\n$/, "content behind DATA is no command");
  assert.equal(messages.at(-1)?.outcome, "disconnected");
});

test("BDAT that says no size ends the connection: nobody knows where its octets end", async (t) => {
  const { server, port, messages, closeReasons } = await startServer();
  const tlsOnly = await startServer({ tlsMode: "starttls-required" });
  t.after(() => Promise.all([server.close(0), tlsOnly.server.close(0)]));
  const commands = [
    "BDAT",
    "BDAT x",
    "BDAT -5",
    "BDAT 5 LASTLY",
    `BDAT ${"9".repeat(16)}`,
    `BDAT ${"0".repeat(600)}5`,
  ];
  for (const command of commands) {
    const talker = await begun(port);
    talker.send(`${command}\r\nMAIL FROM:<evil@a.test>\r\n`);
    assert.match(await talker.rest(), /^501 5\.5\.4 Syntax: BDAT [^\r]*\r\n$/, command);
  }
  assert.deepEqual(
    await closeReasons(commands.length),
    commands.map(() => "not-smtp"),
  );
  assert.equal(messages.length, 0);
  const talker = await Talker.hello(tlsOnly.port);
  talker.send(`${bdat("QUIT\r\n", " LAST")}NOOP\r\n`);
  assert.deepEqual(await codes(talker, 2), ["530 5.7.0", "250 2.0.0"]);
  talker.destroy();
});

test("BDAT: what the handler refuses is discarded, and what fails is said", async (t) => {
  let answer: () => ReturnType<typeof reply> | Promise<ReturnType<typeof reply>> = () =>
    reply(452, "4.3.1", "Busy");
  let asked = 0;
  const { server, port, events } = await startServer({
    limits: { errors: 1000 },
    methods: {
      data() {
        asked++;
        return answer();
      },
    },
  });
  t.after(() => server.close(0));
  const wire = `${envelope}${bdat("QUIT\r\n")}${bdat("QUIT\r\n", " LAST")}NOOP\r\n`;
  const talker = await Talker.hello(port);
  const answers: [typeof answer, string][] = [
    [answer, "452 4.3.1"],
    [() => new Promise((resolve) => setTimeout(resolve, 20, reply(554, "5.7.1", "No"))), "554 5.7.1"],
    [
      () => {
        throw new Error("a bug");
      },
      "451 4.3.0",
    ],
    [() => Promise.reject(new Error("a bug")), "451 4.3.0"],
  ];
  for (const [given, expected] of answers) {
    answer = given;
    talker.send(wire);
    assert.deepEqual(await codes(talker, 5), ["250 2.1.0", "250 2.1.5", expected, "503 5.5.1", "250 2.0.0"]);
  }
  assert.equal(asked, answers.length, "once for each message");
  assert.equal(events.filter(({ kind }) => kind === "handler-failed").length, 2);
  answer = () => reply(421, "4.3.2", "Going");
  talker.send(envelope + bdat("x\r\n", " LAST"));
  assert.match(await talker.rest(), /\r\n421 4\.3\.2 Going\r\n$/);
});

test("BDAT: a sink that is slow, fails or throws at the end", async (t) => {
  let written = "";
  let release: () => void = () => {};
  const failing = await startServer({
    limits: { errors: 1000 },
    methods: {
      data: (_session, { reversePath }) => ({
        write(chunk) {
          const text = Buffer.from(chunk).toString();
          if (reversePath?.localPart === "fails") throw new Error("the disk is gone");
          written += text;
          if (reversePath?.localPart === "slow") return new Promise((resolve) => (release = resolve));
          return undefined;
        },
        finish() {
          if (reversePath?.localPart === "throws") throw new Error("a bug");
          return reply(250, "2.0.0", "Ok");
        },
        abort() {},
      }),
    },
  });
  t.after(() => failing.server.close(0));
  const from = (localPart: string) => `MAIL FROM:<${localPart}@a.test>\r\nRCPT TO:<b@mx.test>\r\n`;
  const talker = await Talker.hello(failing.port);
  talker.send(`${from("fails") + bdat("x\r\n") + bdat("y\r\n", " LAST")}NOOP\r\n`);
  assert.deepEqual((await codes(talker, 5)).slice(2), ["451 4.3.0", "503 5.5.1", "250 2.0.0"]);
  talker.send(`${from("throws") + bdat("x\r\n", " LAST")}NOOP\r\n`);
  assert.deepEqual((await codes(talker, 4)).slice(2), ["451 4.3.0", "250 2.0.0"]);
  written = "";
  talker.send(`${from("slow") + bdat("one\r\n") + bdat("two", " LAST")}NOOP\r\n`);
  await talker.replies(2);
  for (const expected of ["one\r\n", "one\r\ntwo", "one\r\ntwo\r\n"]) {
    await delay(20);
    assert.equal(written, expected, "nothing more before the sink is ready");
    release();
  }
  assert.deepEqual(await codes(talker, 3), ["250 2.0.0", "250 2.0.0", "250 2.0.0"]);
  talker.destroy();
});

test("BDAT has bounds: size, chunks that bring nothing, time", async (t) => {
  const { server, port, messages, closeReasons } = await startServer({
    limits: { messageOctets: 5000, idleCommands: 20 },
    deadlines: { dataTotalMs: 250, dataBlockMs: 150, commandMs: 150 },
  });
  t.after(() => server.close(0));
  const big = `${"x".repeat(70)}\r\n`.repeat(60);
  const talker = await begun(port);
  talker.send(`${bdat(big)}${bdat(big)}${bdat("", " LAST")}NOOP\r\n`);
  assert.deepEqual(await codes(talker, 4), ["250 2.0.0", "552 5.3.4", "503 5.5.1", "250 2.0.0"]);
  assert.equal(messages[0]?.outcome, "too-big");
  talker.destroy();

  for (const chunk of ["", "x"]) {
    const nagging = await begun(port);
    nagging.send(bdat(chunk).repeat(21));
    const rest = await nagging.rest();
    assert.equal(rest.match(/^250/gm)?.length, 19, "EHLO counted too");
    assert.match(rest, /421 4\.7\.0 Too many commands without a message, closing\r\n$/);
  }
  // Every chunk comes in time, and the message as a whole does not.
  const slow = await begun(port);
  const drip = setInterval(() => slow.send(bdat(big.slice(0, 72))), 20);
  assert.match(await slow.rest(), /421 4\.4\.2 [^\r]*\r\n$/);
  clearInterval(drip);
  const silent = await begun(port);
  silent.send("BDAT 10\r\nhalf");
  assert.match(await silent.rest(), /^421 4\.4\.2 [^\r]*\r\n$/);
  // Discarding has a deadline too.
  const endless = await Talker.hello(port);
  endless.send(`BDAT ${"9".repeat(15)}\r\n`);
  const flood = setInterval(() => endless.send("QUIT\r\n".repeat(100)), 5);
  assert.match(await endless.rest(), /^421 4\.4\.2 [^\r]*\r\n$/);
  clearInterval(flood);
  assert.deepEqual((await closeReasons(6)).slice(1), [
    "too-many-idle-commands",
    "too-many-idle-commands",
    "timeout",
    "timeout",
    "timeout",
  ]);
  assert.deepEqual(
    messages.slice(1).map(({ outcome }) => outcome),
    ["disconnected", "disconnected", "timeout", "timeout"],
  );
});

test("BDAT and shutdown: a message under way is finished, also between its chunks", async () => {
  const { server, port, messages } = await startServer();
  const talker = await begun(port);
  talker.send(bdat("x\r\n"));
  await talker.reply();
  const closed = server.close(2000);
  await delay(20);
  talker.send(bdat("y\r\n"));
  assert.match(await talker.reply(), /^250/);
  talker.send(bdat("z\r\n", " LAST"));
  assert.match(await talker.rest(), /^250 2\.0\.0 Kept[^\r]*\r\n421 4\.3\.2 [^\r]*\r\n$/);
  talker.end();
  await closed;
  assert.equal(messages[0]?.content, "x\r\ny\r\nz\r\n");
});

test("any content in any chunks, cut anywhere: the verdict of its lines, and the session goes on", async (t) => {
  const { server, port, messages } = await startServer({
    limits: { errors: 1e9, idleCommands: 1e9, messageOctets: 3000 },
  });
  t.after(() => server.close(0));
  const talker = await Talker.hello(port);
  const part = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom("\r\n", ".\r\n", "a", "bc", "BDAT 3 LAST\r\n", "QUIT\r\n", "\x80"),
    },
    { weight: 1, arbitrary: fc.constantFrom("\r", "\n", "\0") },
    { weight: 1, arbitrary: fc.integer({ min: 990, max: 1002 }).map((length) => "x".repeat(length)) },
  );
  const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 16 }), sizes, fc.nat(40), async (parts, chunkSizes, cut) => {
      const content = parts.join("");
      let wire = envelope;
      let chunks = 0;
      for (let at = 0; ; chunks++) {
        const size = chunks > 20 ? content.length : (chunkSizes[chunks % chunkSizes.length] as number);
        const last = at + size >= content.length;
        wire += bdat(content.slice(at, at + size), last ? " LAST" : "");
        at += size;
        if (last) break;
      }
      messages.length = 0;
      talker.send(wire.slice(0, cut));
      await new Promise(setImmediate);
      talker.send(wire.slice(cut));
      const answers = await codes(talker, 2 + chunks + 1);
      const refusal = answers.find((answer, at) => at >= 2 && answer !== "250 2.0.0");
      const complete = content === "" || content.endsWith("\r\n") ? content : `${content}\r\n`;
      const bad =
        /\r(?!\n)|(?<!\r)\n|\0/.test(content) || content.split("\r\n").some((line) => line.length > 998);
      if (bad) assert.equal(refusal, "550 5.6.0");
      else if (content.length > 3000) assert.equal(refusal, "552 5.3.4");
      else {
        assert.equal(refusal, undefined);
        assert.equal(messages[0]?.content, complete);
      }
      assert.equal(messages.length, 1);
      assert.match(await talker.ask("NOOP"), /^250 2\.0\.0 Ok/);
    }),
    { numRuns: 400 },
  );
  talker.destroy();
});
