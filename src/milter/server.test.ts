import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type MilterOutcome, MilterServer } from "./index.ts";
import { accepted, type MilterClient, packetOf, startMilter } from "./test-milter-client.ts";

const folder = mkdtempSync(join(tmpdir(), "milter-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const handler = { begin: () => ({ kind: "accept" }) as const };

test("a Unix socket with its mode; a stale one is replaced; it goes with its server", async () => {
  const path = join(folder, "stale.sock");
  // Whoever is killed leaves its socket.
  const gone = createServer().listen(join(folder, "made.sock"));
  await once(gone, "listening");
  renameSync(join(folder, "made.sock"), path);
  gone.close();
  await once(gone, "close");
  assert.ok(statSync(path).isSocket());
  {
    await using milter = await startMilter({ place: { path, mode: 0o600 } });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const client = await milter.connect();
    await client.offer();
    client.client().envelope().say("T").content([], "x");
    await client.hearUntil("c");
    assert.equal((await client.hear()).letter, "c");
    assert.deepEqual(milter.where, { path, mode: 0o600 });
  }
  assert.ok(!existsSync(path));
});

test("somebody's socket, and what is no socket, is left alone", async () => {
  const path = join(folder, "in-use.sock");
  await using _milter = await startMilter({ place: { path } });
  assert.equal(statSync(path).mode & 0o777, 0o660);
  await assert.rejects(new MilterServer({ handler }).listen({ path }), /somebody listens/);
  const file = join(folder, "file");
  writeFileSync(file, "precious");
  await assert.rejects(new MilterServer({ handler }).listen({ path: file }), /is no socket/);
  assert.ok(existsSync(file));
  await assert.rejects(new MilterServer({ handler }).listen({ path: join(folder, "none", "s") }), {
    code: "ENOENT",
    path: join(folder, "none"),
  });
  assert.equal(statSync(path).isSocket(), true);
});

test("a socket that another server has put in its place is not removed", async () => {
  const path = join(folder, "replaced.sock");
  const first = await startMilter({ place: { path } });
  rmSync(path);
  await using _second = await startMilter({ place: { path } });
  await first.server.close(0);
  assert.ok(existsSync(path));
});

test("a port that is taken is an error of listen", async () => {
  await using milter = await startMilter();
  await assert.rejects(new MilterServer({ handler }).listen(milter.where), /EADDRINUSE/);
});

test("one connection too many is closed, and told", async () => {
  await using milter = await startMilter({ limits: { connections: 2 } });
  const clients = [await milter.connect(), await milter.connect()];
  await Promise.all(clients.map((client) => client.offer()));
  const third = await milter.connect();
  await third.untilOver();
  assert.deepEqual(
    milter.events.map(({ kind }) => kind),
    ["refused"],
  );
  clients[0]?.say("Q");
  await clients[0]?.untilOver();
  while (milter.server.connections === 2) await wait(1);
  await (await milter.connect()).offer();
});

test("recipients above the limit: told at RCPT where that is answered, at DATA where it is not", async () => {
  for (const answered of [false, true]) {
    await using milter = await startMilter({
      limits: { recipients: 3 },
      ...(answered ? { methods: { rcpt: () => ({ kind: "continue" }) } } : {}),
    });
    const client = await milter.connect();
    await client.offer();
    client
      .client()
      .envelope("<>", ...["a", "b", "c", "d", "e"].map((name) => `<${name}@b.example>`))
      .say("T");
    if (answered) {
      let heard = "";
      while (heard.length < 6) heard += (await client.hear()).letter;
      assert.equal(heard, "cccyyc");
      client.content([]);
      await client.hear();
      assert.equal(milter.messages[0]?.transaction.recipients.length, 3);
    } else assert.match((await client.hear()).data.toString(), /^452 4\.5\.3 /);
    assert.deepEqual(
      milter.events.map((event) => event.kind === "message-refused" && event.reason),
      ["too-many-recipients"],
    );
    client.say("A").envelope().say("T");
    assert.equal((await client.hear()).letter, "c");
  }
});

test("recipients of more octets than the limit are left out as well", async () => {
  await using milter = await startMilter({ methods: { rcpt: () => ({ kind: "continue" }) } });
  const client = await milter.connect();
  await client.offer();
  const long = `${"x".repeat(60_000)}@b.example`;
  client
    .client()
    .envelope("<>", ...Array.from({ length: 100 }, () => long))
    .say("T");
  let heard = "";
  while (heard.length < 101) heard += (await client.hear()).letter;
  assert.equal(heard, `${"c".repeat(69)}${"y".repeat(31)}c`);
});

test("a header above the limit, of few fields or very many: 552, and others go on", async () => {
  for (const [count, length] of [
    [3, 400_000],
    [200_000, 3],
  ] as const) {
    await using milter = await startMilter();
    const client = await milter.connect();
    await client.offer();
    client.client().envelope().say("T");
    assert.equal((await client.hear()).letter, "c");
    const field = packetOf("L", "A", "x".repeat(length));
    client.socket.write(Buffer.concat(Array.from({ length: count }, () => field)));
    client.say("N").say("B", Buffer.from("x")).say("E");
    assert.match((await client.hear()).data.toString(), /^552 5\.3\.4 /);
    assert.equal(milter.messages[0]?.fate, "aborted");
    assert.equal(milter.messages[0]?.content, "");
    assert.deepEqual(
      milter.events.map((event) => event.kind === "message-refused" && event.reason),
      ["header-too-large"],
    );
    client.envelope().say("T");
    assert.equal((await client.hear()).letter, "c");
  }
});

test("who says nothing is closed: before the offer, within a packet, within the content, and idle", async () => {
  const deadlines = { negotiationMs: 60, contentMs: 60, idleMs: 120 };
  const steps: readonly [string, (client: MilterClient) => Promise<void>, string | undefined][] = [
    ["nothing", async () => {}, "broken"],
    [
      "half an offer",
      async (client) => void client.socket.write(packetOf("O", 6, 1).subarray(0, 9)),
      "broken",
    ],
    ["an offer", async (client) => void (await client.offer()), undefined],
    [
      "half a packet",
      async (client) => {
        await client.offer();
        client.client().socket.write("\0\0\0\x09M<");
      },
      "broken",
    ],
    [
      "half a body",
      async (client) => {
        await client.offer();
        client.client().envelope().say("N").socket.write("\0\0\0\x09Bx");
        await client.hear().catch(() => {});
      },
      "abandoned",
    ],
  ];
  for (const [what, speak, event] of steps) {
    await using milter = await startMilter({ deadlines });
    const client = await milter.connect();
    await speak(client);
    await client.untilOver();
    assert.deepEqual(
      milter.events.map(({ kind }) => kind),
      event === undefined ? [] : [event],
      what,
    );
  }
});

test("the time of the first packet is not prolonged by octets", async () => {
  await using milter = await startMilter({ deadlines: { negotiationMs: 100 } });
  const client = await milter.connect();
  const slowly = setInterval(() => client.socket.write(packetOf("O", 6, 1, 1).subarray(0, 1)), 20);
  await client.untilOver();
  clearInterval(slowly);
});

test("a mail server that dies within a message is one event, with its queue id", async () => {
  await using milter = await startMilter();
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("D", "Ti", "4XyZ").say("T");
  await client.hear();
  client.say("L", "A", " b").say("N").socket.write("\0\0\xff\xffBhalf", "latin1");
  while (milter.messages[0]?.content !== "A: b\r\n\r\nhalf") await wait(1);
  client.socket.resetAndDestroy();
  while (milter.server.connections > 0) await wait(1);
  assert.equal(milter.messages[0]?.fate, "aborted");
  const [event] = milter.events;
  assert.ok(event?.kind === "abandoned");
  assert.deepEqual([event.reason, event.queueId], ["disconnected", "4XyZ"]);
  assert.equal(milter.events.length, 1);
});

test("a message that takes long is answered with progress first", async () => {
  await using milter = await startMilter({
    deadlines: { progressMs: 20 },
    outcome: async () => {
      await wait(90);
      return accepted;
    },
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("T");
  await client.hear();
  client.content([]);
  const heard = (await client.hearUntil("c")).map(({ letter }) => letter).join("");
  assert.match(heard, /^p{2,4}c$/);
});

test("a handler that never answers costs its message, at any method, and what it says later nobody hears", async () => {
  for (const method of ["rcpt", "begin", "write", "finish"]) {
    let late: (value: never) => void = () => {};
    const never = () => new Promise<never>((resolve) => (late = resolve));
    await using milter = await startMilter({
      deadlines: { handlerMs: 40 },
      ...(method === "rcpt" ? { methods: { rcpt: never } } : {}),
      ...(method === "begin" ? { methods: { begin: never } } : {}),
      ...(method === "write" ? { write: never } : {}),
      ...(method === "finish" ? { outcome: never } : {}),
    });
    const client = await milter.connect();
    await client.offer();
    client.client().envelope();
    if (method !== "rcpt") client.say("T");
    if (method === "write" || method === "finish") client.content([]);
    assert.match((await client.hearUntil("y")).at(-1)?.data.toString() ?? "", /^451 4\.3\.0/);
    assert.deepEqual(
      milter.events.map((event) => event.kind === "handler-timeout" && event.method),
      [method],
    );
    let aborted = false;
    late({ write() {}, finish() {}, abort: () => (aborted = true) } as never);
    await wait(1);
    assert.equal(aborted, method === "begin");
    client.say("Q");
    await client.untilOver();
  }
});

test("what an outcome holds is given back, whether it is carried out, cannot be, or comes when nobody waits", async () => {
  const forged = { kind: "prepend", octets: Buffer.from("no field\r\n") } as const;
  for (const why of ["carried out", "impossible", "too late", "gone"]) {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: outcome, resolve: decide } = Promise.withResolvers<MilterOutcome>();
    const body = (async function* () {
      yield Buffer.from("x\r\n");
    })();
    const decided = { ...accepted, body, edits: why === "impossible" ? [forged] : [], release };
    await using milter = await startMilter({
      deadlines: { handlerMs: why === "too late" ? 40 : 5000 },
      outcome: () => outcome,
    });
    const client = await milter.connect();
    await client.offer();
    client.client().envelope().say("T").content([]);
    if (why === "too late") await client.hearUntil("y");
    if (why === "gone") {
      await client.hear();
      client.socket.destroy();
      while (milter.server.connections > 0) await wait(5);
    }
    decide(decided);
    await released;
  }
});

test("while the message does not take it, nothing more is read: memory is bounded", async () => {
  let taken = 0;
  let release = () => {};
  await using milter = await startMilter({
    write: (octets) => {
      taken += octets.length;
      return new Promise((resolve) => (release = resolve));
    },
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("N");
  const chunk = packetOf("B", Buffer.alloc(65_535, "x"));
  for (let n = 0; n < 500; n++) client.socket.write(chunk);
  await wait(100);
  assert.ok(client.socket.writableLength > 200 * chunk.length, "most of it waits with the mail server");
  assert.ok(taken < 200_000);
  const going = setInterval(() => release(), 0);
  client.say("E");
  await client.hearUntil("c");
  clearInterval(going);
});

test("a mail server that does not read is dropped in time", async () => {
  await using milter = await startMilter({
    deadlines: { contentMs: 100 },
    outcome: () => ({
      ...accepted,
      body: (async function* () {
        for (let n = 0; n < 1000; n++) yield Buffer.alloc(65_535, "x");
      })(),
    }),
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("T").content([]);
  await client.hear();
  client.socket.pause();
  const from = performance.now();
  while (milter.server.connections > 0) {
    await wait(10);
    assert.ok(performance.now() - from < 5000);
  }
  assert.deepEqual(
    milter.events.map((event) => event.kind === "abandoned" && event.reason),
    ["timeout"],
  );
});

test("a body of 50 MiB passes through, and another comes back, in constant memory", async () => {
  let octets = 0;
  await using milter = await startMilter({
    methods: {
      begin: () => ({
        write(piece) {
          octets += piece.length;
        },
        finish: () => ({
          ...accepted,
          body: (async function* () {
            for (let n = 0; n < 800; n++) yield Buffer.alloc(65_536, "y");
          })(),
        }),
        abort() {},
      }),
    },
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("T");
  await client.hear();
  client.say("N");
  const chunk = packetOf("B", Buffer.alloc(65_535, "x"));
  for (let n = 0; n < 800; n++) {
    if (!client.socket.write(chunk)) await once(client.socket, "drain");
  }
  client.say("E");
  let back = 0;
  for (let answer = await client.hear(); answer.letter !== "c"; answer = await client.hear()) {
    back += answer.data.length;
  }
  assert.equal(octets, 800 * 65_535 + 2);
  assert.equal(back, 800 * 65_536);
});

test("a drain: what is under way is finished, what waits is closed, what is late is dropped", async () => {
  let finish = () => {};
  const milter = await startMilter({
    outcome: () => new Promise((resolve) => (finish = () => resolve(accepted))),
  });
  const [idle, under, stuck] = [await milter.connect(), await milter.connect(), await milter.connect()];
  for (const client of [idle, under, stuck]) await client.offer();
  idle.client().envelope().say("A");
  stuck.client().envelope().say("T");
  under.client().envelope().say("T");
  await Promise.all([stuck.hear(), under.hear()]);
  const closed = milter.server.close(200);
  await idle.untilOver();
  await assert.rejects(milter.connect());
  under.content([["A", " b"]], "text");
  while (milter.messages.every(({ fate }) => fate !== "finished")) await wait(1);
  finish();
  assert.equal((await under.hear()).letter, "c");
  await under.untilOver();
  assert.ok(!stuck.over);
  await closed;
  await stuck.untilOver();
  assert.deepEqual(
    milter.events.map((event) => event.kind === "abandoned" && event.reason),
    ["shutdown"],
  );
});

test("hundreds of connections at a time, their messages mixed", async () => {
  await using milter = await startMilter({
    outcome: async ({ content }) => {
      await wait(content.length % 7);
      return {
        ...accepted,
        edits: [{ kind: "prepend", octets: Buffer.from(`Seen: ${content.length}\r\n`) }],
      };
    },
  });
  await Promise.all(
    Array.from({ length: 300 }, async (_, number) => {
      const client = await milter.connect();
      await client.offer();
      client.client();
      for (let round = 0; round < 3; round++) {
        client.envelope(`<${number}@a.example>`).say("T");
        assert.equal((await client.hear()).letter, "c");
        const text = `${number}-${round}\r\n`.repeat(number);
        client.content([["A", " b"]], text);
        const heard = await client.hearUntil("c");
        assert.equal(heard[0]?.data.toString("latin1"), `\0\0\0\0Seen\0 ${text.length + 8}\0`);
      }
      client.say("Q");
      await client.untilOver();
    }),
  );
  assert.equal(milter.messages.length, 900);
  assert.deepEqual(milter.events, []);
});

test("answers of one turn are one piece of output", async () => {
  await using milter = await startMilter({
    outcome: () => ({
      ...accepted,
      edits: Array.from({ length: 20 }, (_, n) => ({
        kind: "prepend" as const,
        octets: Buffer.from(`A: ${n}\r\n`),
      })),
    }),
  });
  const client = await milter.connect();
  await client.offer();
  client.client().envelope().say("T");
  await client.hear();
  client.reads.length = 0;
  client.content([]);
  await client.hearUntil("c");
  assert.ok(client.reads.length <= 3, `${client.reads}`);
});
