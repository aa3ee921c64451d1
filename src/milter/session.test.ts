import assert from "node:assert/strict";
import { test } from "node:test";
import { allSteps, connectData, MilterClient, type Recorded, startMilter } from "./test-milter-client.ts";

const fields = [
  ["From", " alice@a.example"],
  ["Subject", " folded\n\tover lines"],
] as const;

test("a message as Postfix and Sendmail send it, version 6", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  const agreed = await client.offer();
  assert.equal(agreed.version, 6);
  assert.equal(agreed.actions, 0x133, "headers, body, quarantine and macros");
  assert.equal(agreed.steps & 0x37f, 0x100, "all but unknown commands is wanted, DATA too");
  assert.equal(agreed.steps & 0xff080, 0xef080, "nothing but DATA is answered");
  assert.ok(agreed.steps & 0x100000, "values keep their space");
  assert.equal((agreed.steps & ~allSteps) >>> 0, 0, "nothing that was not offered");
  assert.match(agreed.macros.toString("latin1"), /\0\0\0\x02i \{auth_type\} \{auth_authen\}/);

  client.say("D", "Cj", "mx.example", "{daemon_name}", "MTA").client();
  client.say("D", "Mi", "4XyZ", "{auth_authen}", "alice");
  client
    .say("M", "<alice@a.example>", "BODY=8BITMIME", "SIZE=100")
    .say("R", "<bob@b.example>", "NOTIFY=NEVER");
  client.say("R", "<carol@c.example>").say("D", "Ti", "4XyZ").say("T");
  assert.equal((await client.hear()).letter, "c");
  client.content(fields, "one\r\n", "two\r\n");
  assert.equal((await client.hear()).letter, "c");
  const [message] = milter.messages as [Recorded];
  assert.equal(
    message.content,
    "From: alice@a.example\r\nSubject: folded\r\n\tover lines\r\n\r\none\r\ntwo\r\n",
  );
  assert.equal(message.fate, "finished");
  assert.deepEqual(message.macros, { i: "4XyZ", j: "mx.example", auth_authen: "alice", msg_id: undefined });
  const { transaction } = message;
  assert.deepEqual(transaction.sender, {
    address: "alice@a.example",
    parameters: ["BODY=8BITMIME", "SIZE=100"],
  });
  assert.deepEqual(
    transaction.recipients.map(({ address }) => address),
    ["bob@b.example", "carol@c.example"],
  );
  const { id, ...connection } = transaction.connection;
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(connection, {
    hostName: "client.example",
    family: "inet",
    address: "192.0.2.1",
    port: 2525,
    helo: "client.example",
    version: 6,
    allows: { addHeaders: true, changeHeaders: true, changeBody: true, quarantine: true },
  });
});

test("version 2: every step is answered, there is no DATA, and values have lost their space", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  const agreed = await client.offer(2, 0x0f, 0x7f);
  assert.deepEqual([agreed.version, agreed.actions, agreed.steps], [2, 0x03, 0]);
  assert.equal(agreed.macros.length, 0);
  client.say("C", "host", connectData("6", 0, "IPv6:2001:db8::1"));
  const steps: [string, ...string[]][] = [
    ["H", "client.example"],
    ["M", "<>"],
    ["R", "<bob@b.example>"],
    ["L", "From", "alice@a.example"],
    ["L", "To", ""],
    ["N"],
    ["B"],
    ["E"],
  ];
  assert.equal((await client.hear()).letter, "c");
  for (const [letter, ...data] of steps) {
    client.say(letter, ...(letter === "B" ? [Buffer.from("body")] : data));
    assert.equal((await client.hear()).letter, "c", letter);
  }
  const [message] = milter.messages as [Recorded];
  assert.equal(message.content, "From: alice@a.example\r\nTo: \r\n\r\nbody");
  assert.equal(message.transaction.sender.address, "");
  const { address, family, port, allows } = message.transaction.connection;
  assert.deepEqual([address, family, port], ["2001:db8::1", "inet6", null]);
  assert.deepEqual(allows, { addHeaders: true, changeHeaders: false, changeBody: true, quarantine: false });
});

test("zero stands for what the first version could", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  const agreed = await client.offer(2, 0, 0);
  assert.deepEqual([agreed.actions, agreed.steps], [0x03, 0]);
});

test("a higher version than ours is answered with ours; what it offers beyond is not taken", async () => {
  await using milter = await startMilter();
  const agreed = await (await milter.connect()).offer(9, 0xffffffff, 0xffffffff);
  assert.equal(agreed.version, 6);
  assert.equal(agreed.actions, 0x133);
  assert.equal(agreed.steps, 0x201ef180, "packets of 1 MiB, and nothing that nobody knows");
});

test("several messages and clients on one connection: nothing of one shows in the next", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  await client.offer();
  client.client().say("D", "Mi", "1", "{auth_authen}", "alice").envelope().say("T");
  await client.hear();
  client.content(fields, "first").say("D", "Mi", "2").envelope("<>", "<carol@c.example>").say("T");
  await client.hear();
  await client.hear();
  client.content([], "second");
  await client.hear();
  // No macros at all.
  client.say("K").say("C", "other", Buffer.from("U")).envelope("third@a.example", "dave@d.example").say("T");
  await client.hear();
  client.content([], "third");
  await client.hear();
  client.say("Q");
  await client.untilOver();
  const [first, second, third] = milter.messages as [Recorded, Recorded, Recorded];
  assert.deepEqual(first.macros, { i: "1", j: undefined, auth_authen: "alice", msg_id: undefined });
  assert.deepEqual(second.macros, { i: "2", j: undefined, auth_authen: undefined, msg_id: undefined });
  assert.deepEqual(third.macros.i, undefined);
  assert.equal(second.content, "\r\nsecond");
  assert.equal(first.transaction.connection, second.transaction.connection);
  assert.notEqual(first.transaction.connection.id, third.transaction.connection.id);
  const { family, address, helo } = third.transaction.connection;
  assert.deepEqual([family, address, helo], ["unknown", null, null]);
  assert.deepEqual(
    milter.messages.map(({ transaction }) => [
      transaction.sender.address,
      ...transaction.recipients.map((recipient) => recipient.address),
    ]),
    [
      ["alice@a.example", "bob@b.example"],
      ["", "carol@c.example"],
      ["third@a.example", "dave@d.example"],
    ],
  );
  assert.deepEqual(milter.events, []);
});

test("a message is begun anew at any time, by ABORT, HELO, MAIL or QUIT: the one before is aborted", async () => {
  for (const again of ["A", "H", "M", "K", "Q"]) {
    for (const after of ["T", "L", "N", "B"]) {
      await using milter = await startMilter();
      const client = await milter.connect();
      await client.offer();
      client.client().envelope().say("T");
      await client.hear();
      if (after !== "T") client.say("L", "From", " a@a.example");
      if (after === "N" || after === "B") client.say("N");
      if (after === "B") client.say("B", Buffer.from("text"));
      client.say(again, ...(again === "H" || again === "M" ? ["x"] : []));
      if (again === "K") client.client();
      if (again !== "Q") {
        client.envelope().say("T");
        await client.hear();
        client.content([], "whole");
        await client.hear();
        client.say("Q");
      }
      await client.untilOver();
      const fates = milter.messages.map(({ fate }) => fate);
      assert.deepEqual(
        fates,
        again === "Q" ? ["aborted"] : ["aborted", "finished"],
        `${again} after ${after}`,
      );
      assert.deepEqual(milter.events, []);
    }
  }
});

test("a message without interest costs no content", async () => {
  for (const kind of ["continue", "accept"] as const) {
    await using milter = await startMilter({ methods: { begin: async () => ({ kind }) } });
    const client = await milter.connect();
    await client.offer();
    client.client().envelope().say("T");
    assert.equal((await client.hear()).letter, "a");
    // The mail server goes on to the next one, with ABORT or without.
    client.envelope().say("T");
    assert.equal((await client.hear()).letter, "a");
    client.say("A").say("Q");
    await client.untilOver();
    assert.deepEqual(milter.events, []);
  }
});

test("without DATA, what is not wanted is said at the first step that is answered", async () => {
  const reply = { code: 550, enhanced: "5.7.1", text: "no 100% sure" } as const;
  await using milter = await startMilter({ methods: { begin: () => ({ kind: "refuse", reply }) } });
  const client = await milter.connect();
  // Postfix with milter_protocol = 2 no_header_reply.
  await client.offer(2, 0x3f, 0xff);
  client.say("C", "host", Buffer.from("U")).say("M", "<a@a.example>").say("R", "<b@b.example>");
  client.say("L", "From", "a").say("L", "To", "b").say("N");
  const heard = await client.hearUntil("y");
  assert.equal(heard.map(({ letter }) => letter).join(""), "cccy");
  assert.equal(heard.at(-1)?.data.toString(), "550 5.7.1 no 100%% sure\0");
});

test("refused at DATA, a client may name other recipients and try again", async () => {
  let asked = 0;
  await using milter = await startMilter({
    methods: {
      begin: ({ recipients }) => {
        asked++;
        return recipients.length < 2
          ? { kind: "refuse", reply: { code: 450, enhanced: "4.7.1", text: "not\nyet" } }
          : { kind: "discard" };
      },
    },
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("T");
  assert.equal((await client.hear()).data.toString(), "450 4.7.1 not?yet\0");
  client.say("T");
  assert.equal((await client.hear()).letter, "y");
  client.say("R", "<more@b.example>").say("T");
  assert.equal((await client.hear()).letter, "d");
  assert.equal(asked, 3);
});

test("refused within its content, a message is over: nothing of its envelope can follow", async () => {
  for (const letter of ["R", "T"]) {
    await using milter = await startMilter({ write: () => assert.fail("disk") });
    const client = await milter.connect();
    await client.offer(2, 0x3f, 0x3ff);
    client.say("C", "host", Buffer.from("U")).say("M", "<a@a.example>").say("R", "<b@b.example>").say("N");
    assert.match((await client.hearUntil("y")).at(-1)?.data.toString() ?? "", /^451/);
    client.say(letter, ...(letter === "R" ? ["<b@b.example>"] : []));
    await client.untilOver();
    assert.deepEqual(
      milter.events.map(({ kind }) => kind),
      ["handler-failed", "broken"],
    );
  }
});

test("recipients are answered one by one where the handler asks for it", async () => {
  await using milter = await startMilter({
    methods: {
      rcpt: (transaction, { address }) =>
        address === "bob@b.example"
          ? { kind: "continue" }
          : {
              kind: "refuse",
              reply: { code: 452, enhanced: "4.5.3", text: `with ${transaction.recipients.length} others` },
            },
    },
  });
  const client = await milter.connect();
  const { steps } = await client.offer();
  assert.equal(steps & 0x8000, 0);
  client.client().envelope("<>", "<bob@b.example>", "<carol@c.example>").say("T");
  assert.equal((await client.hear()).letter, "c");
  assert.equal((await client.hear()).data.toString(), "452 4.5.3 with 1 others\0");
  assert.equal((await client.hear()).letter, "c");
  client.content([], "x");
  await client.hear();
  assert.deepEqual(
    milter.messages[0]?.transaction.recipients.map(({ address }) => address),
    ["bob@b.example"],
  );
});

const broken: readonly (readonly [string, RegExp, (client: MilterClient) => void])[] = [
  ["no length", /without a command/, (client) => client.socket.write(Buffer.alloc(5))],
  ["an unknown command", /unknown command/, (client) => client.say("x")],
  [
    "a packet too large",
    /65536 are allowed/,
    (client) => client.socket.write(Buffer.from([0, 1, 0, 1, 0x4d])),
  ],
  ["4 GiB", /4294967295 octets/, (client) => client.socket.write(Buffer.from([255, 255, 255, 255, 0x42]))],
  ["HTTP", /unknown command/, (client) => client.socket.write("GET / HTTP/1.1\r\n\r\n")],
  ["a second offer", /behind the first/, (client) => client.say("O", 6, 1, 1)],
  ["a second client", /without QUIT/, (client) => client.client().client()],
  ["MAIL before CONNECT", /before CONNECT/, (client) => client.say("M", "<>")],
  ["no address family", /no address family/, (client) => client.say("C", "host")],
  [
    "an unknown family",
    /unknown address family/,
    (client) => client.say("C", "host", connectData("9", 1, "x")),
  ],
  ["no IPv4 address", /no IPv4/, (client) => client.say("C", "host", connectData("4", 1, "::1"))],
  ["no IPv6 address", /no IPv6/, (client) => client.say("C", "host", connectData("6", 1, "1.2.3.4"))],
  [
    "an address without end",
    /no address/,
    (client) => client.say("C", "host", Buffer.from("4\0\x01127.0.0.1")),
  ],
  ["an empty MAIL", /does not end/, (client) => client.client().say("M")],
  [
    "a recipient without end",
    /does not end/,
    (client) => client.client().say("M", "<>").say("R", Buffer.from("<a")),
  ],
  ["RCPT without MAIL", /behind MAIL/, (client) => client.client().say("R", "<a@b.example>")],
  ["content without MAIL", /behind MAIL/, (client) => client.client().say("B", Buffer.from("x"))],
  [
    "content behind its end",
    /behind MAIL/,
    (client) => client.client().envelope().say("T").content([]).say("N"),
  ],
  [
    "a recipient in the content",
    /within the content/,
    (client) => client.client().envelope().say("T").say("R", "<a>"),
  ],
  [
    "DATA in the content",
    /within the content/,
    (client) => client.client().envelope().say("T").say("N").say("T"),
  ],
  [
    "a field behind the header",
    /behind the header/,
    (client) => client.client().envelope().say("N").say("L", "A", "b"),
  ],
  ["a field without name", /without name/, (client) => client.client().envelope().say("L", "", "b")],
  ["a field without value", /or value/, (client) => client.client().envelope().say("L", "b")],
  ["macros without end", /do not end/, (client) => client.say("D", Buffer.from("Mi\0x"))],
  ["no macros", /do not end/, (client) => client.say("D")],
];

for (const [what, detail, speak] of broken) {
  test(`what is not the protocol ends the connection with one event: ${what}`, async () => {
    await using milter = await startMilter();
    const [client, other] = [await milter.connect(), await milter.connect()];
    await Promise.all([client.offer(), other.offer()]);
    speak(client);
    await client.untilOver();
    assert.equal(milter.events.length, 1, JSON.stringify(milter.events));
    const [event] = milter.events;
    assert.ok(event?.kind === "broken");
    assert.match(event.detail, detail);
    assert.ok(event.offset >= 17, "behind the offer");
    // Others go on.
    other.client().envelope().say("T").content([], "fine");
    await other.hearUntil("c");
    await other.hearUntil("c");
  });
}

test("before the offer nothing else is heard", async () => {
  for (const [octets, detail] of [
    ["\0\0\0\x01T", /before the offer/],
    ["\0\0\0\x02Bx", /before the offer/],
    ["\0\0\0\x05O\0\0\0\x06", /too short/],
    ["\0\0\0\x0dO\0\0\0\x01\0\0\0\0\0\0\0\0", /version 1/],
  ] as const) {
    await using milter = await startMilter();
    const client = await milter.connect();
    client.socket.write(octets, "latin1");
    await client.untilOver();
    const [event] = milter.events;
    assert.ok(event?.kind === "broken");
    assert.match(event.detail, detail);
  }
});

test("packets cut anywhere are the same packets", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  await client.offer();
  const said: Buffer[] = [];
  const recorder = new MilterClient(client.socket);
  recorder.socket.write = ((octets: Buffer) => said.push(octets)) as never;
  recorder.client().envelope().say("T").content(fields, "one\r\n", "two\r\n");
  delete (client.socket as { write?: unknown }).write;
  const octets = Buffer.concat(said);
  for (let at = 0; at < octets.length; at++) {
    client.socket.write(octets.subarray(at, at + 1));
    if (at % 16 === 0) await new Promise(setImmediate);
  }
  await client.hearUntil("c");
  await client.hearUntil("c");
  assert.equal(
    milter.messages[0]?.content,
    "From: alice@a.example\r\nSubject: folded\r\n\tover lines\r\n\r\none\r\ntwo\r\n",
  );
});
