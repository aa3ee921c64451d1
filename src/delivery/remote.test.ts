import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { reply } from "../smtp/index.ts";
import { Router } from "./router.ts";
import { message, nextHop, resolverOf, startDelivery, startServer } from "./test-network.ts";

test("mail hosts: order, the next one when one does not answer, and what ends the search (RFC 5321 §5.1)", async (t) => {
  const good = await startServer(t);
  const unfriendly = await startServer(t, { connect: () => reply(554, "5.7.1", "Not you") });
  const busy = await startServer(t, { connect: () => reply(421, "4.3.2", "Later") });
  const retired = createServer((socket) => socket.end("521 5.3.2 takes no mail\r\n")).listen(0, "127.0.0.1");
  await once(retired, "listening");
  t.after(() => retired.close());
  const ports = {
    good: good.port,
    unfriendly: unfriendly.port,
    busy: busy.port,
    retired: (retired.address() as { port: number }).port,
  };
  const local = ["127.0.0.1"];
  const resolver = resolverOf({
    "order.test": {
      mx: [
        [30, "unfriendly"],
        [20, "good"],
        [10, "down"],
        [15, "busy"],
      ],
    },
    "itself.test": { addresses: local },
    "itself.bad.test": { mx: "failure" },
    "null.test": { mx: [[0, "."]] },
    "nothing.test": {},
    "noaddress.test": { mx: [[10, "gone.test"]] },
    "unfriendly.test": { mx: [[10, "unfriendly"]] },
    "retired.test": { mx: [[10, "retired"]] },
    "loop.test": {
      mx: [
        [10, "mail.here.test"],
        [20, "good"],
      ],
    },
    "backup.test": {
      mx: [
        [10, "good"],
        [20, "mail.here.test"],
      ],
    },
    good: { addresses: local },
    unfriendly: { addresses: local },
    busy: { addresses: local },
    down: { addresses: local },
    retired: { addresses: local },
  });
  const { queue, attempts, dialled } = await startDelivery(
    t,
    { ...ports, "itself.test": good.port },
    { resolver, retryMs: 1e6 },
  );
  const expected: [address: string, result: RegExp][] = [
    ["b@order.test", /delivered: good said: 250/],
    ["b@itself.test", /delivered: itself\.test said: 250/],
    ["b@itself.bad.test", /deferred: 4\.4\.3 .*SERVFAIL/],
    ["b@null.test", /failed: 5\.1\.10 null\.test takes no mail/],
    ["b@nothing.test", /failed: 5\.1\.2/],
    ["b@unknown.test", /failed: 5\.1\.2/],
    ["b@noaddress.test", /failed: 5\.4\.4 gone\.test has no address/],
    ["b@unfriendly.test", /deferred: unfriendly said: 554 5\.7\.1 Not you/],
    ["b@retired.test", /failed: retired said: 521 5\.3\.2/],
    ["b@loop.test", /failed: 5\.4\.6/],
    ["b@backup.test", /delivered: good/],
    ["b@[127.0.0.1]", /failed: 5\.1\.2 not a mail domain/],
  ];
  for (const [index, [address, result]] of expected.entries()) {
    await queue.enqueue([message({ recipients: [address] })]);
    assert.match((await attempts(index + 1))[index] as string, result, address);
  }
  assert.deepEqual(dialled.slice(0, 3), ["down:25", "busy:25", "good:25"]);
});

test("private addresses are not mail hosts unless that is allowed", async (t) => {
  const { queue, attempts, dialled } = await startDelivery(
    t,
    {},
    { allowPrivateAddresses: false, retryMs: 1e6 },
  );
  await queue.enqueue([message()]);
  assert.deepEqual(await attempts(1), [
    "b@dest.test deferred: 4.4.4 no address of mx.dest.test is globally reachable",
  ]);
  assert.deepEqual(dialled, []);
});

test("a server whose TLS is broken gets its mail in clear (RFC 7435)", async (t) => {
  const taken: string[] = [];
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {}).write("220 x\r\n");
    let clear = true;
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (!clear) return void socket.destroy();
      if (text.startsWith("EHLO")) socket.write("250-x\r\n250 STARTTLS\r\n");
      else if (text.startsWith("STARTTLS")) {
        clear = false;
        socket.write("220 go\r\n");
      } else if (text.startsWith("DATA")) socket.write("354 go\r\n");
      else {
        taken.push(text);
        socket.write("250 ok\r\n");
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { queue, attempts, dialled } = await startDelivery(t, {
    "mx.dest.test": (server.address() as { port: number }).port,
  });
  await queue.enqueue([message()]);
  assert.match((await attempts(1))[0] as string, /delivered/);
  assert.equal(dialled.length, 2);
  assert.ok(taken.some((text) => text.includes("Subject: x")));
});

test("a kept connection that the server has left is replaced without an attempt lost", async (t) => {
  const { port, taken, server } = await startServer(t, {}, { deadlines: { commandMs: 30 } });
  const { queue, attempts, dialled } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message()]);
  await attempts(1);
  while (server.connections > 0) await sleep(5);
  await queue.enqueue([message()]);
  await attempts(2);
  assert.equal(taken.length, 2);
  assert.equal(dialled.length, 2);
});

test("routes: the longest pattern that fits, hosted domains before all", () => {
  const hop = (host: string) => ({ kind: "next-hop", nextHop: nextHop(host) });
  const router = new Router(
    [
      {
        name: "own.dest.test",
        target: { kind: "next-hop", nextHop: nextHop("inner") },
        forwards: new Map(),
        lists: new Map(),
        policy: { stage: null, actions: {}, senders: [] },
      },
    ],
    ["dest.test", ".dest.test", ".a.dest.test", "own.dest.test", ".test"].map((pattern) => ({
      pattern,
      nextHop: nextHop(pattern),
    })),
  );
  for (const [domain, expected] of [
    ["own.dest.test", "inner"],
    ["dest.test", "dest.test"],
    ["x.dest.test", ".dest.test"],
    ["x.a.dest.test", ".a.dest.test"],
    ["a.dest.test", ".dest.test"],
    ["other.test", ".test"],
  ] as const) {
    assert.deepEqual(router.route(domain), hop(expected), domain);
  }
  assert.deepEqual(router.route("example.org"), { kind: "mx" });
  assert.deepEqual(
    new Router([], [{ pattern: "*", nextHop: nextHop("smart") }]).route("example.org"),
    hop("smart"),
  );
});

test("a next hop takes the mail of all domains, and may have a private address", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts, dialled } = await startDelivery(
    t,
    { "10.0.0.1": port },
    {
      allowPrivateAddresses: false,
      routes: [{ pattern: "*", nextHop: nextHop("10.0.0.1", 2525) }],
      limits: { connectionsPerDestination: 1 },
    },
  );
  await queue.enqueue([message({ recipients: ["b@x.test", "c@y.test"] })]);
  await attempts(2);
  assert.deepEqual(taken.map(({ to }) => to).sort(), [["b@x.test"], ["c@y.test"]]);
  assert.deepEqual([...new Set(dialled)], ["10.0.0.1:2525"]);
});

test("an address that could not be talked to is left alone for a while, whoever's mail it is", async (t) => {
  const resolver = resolverOf({
    "one.test": { mx: [[10, "mx.dest.test"]] },
    "two.test": { mx: [[10, "mx.dest.test"]] },
    "mx.dest.test": { addresses: ["127.0.0.1"] },
  });
  const { queue, attempts, dialled } = await startDelivery(
    t,
    {},
    { resolver, limits: { avoidMs: 1e6 }, retryMs: 1e6 },
  );
  await queue.enqueue([message({ recipients: ["b@one.test"] })]);
  await attempts(1);
  await queue.enqueue([message({ recipients: ["b@two.test"] })]);
  const results = await attempts(2);
  assert.equal(results[0], results[1]?.replace("two", "one"));
  assert.equal(dialled.length, 1);
});

test("SMTPUTF8 is asked for where it is needed only (RFC 6531 §3.6)", async (t) => {
  const protocols: string[] = [];
  const { port } = await startServer(t, {
    rcpt: ({ protocol }) => {
      protocols.push(protocol);
      return null;
    },
  });
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message({ smtputf8: true })]);
  await queue.enqueue([
    message({ smtputf8: true, content: Buffer.from("Subject: ß\r\n\r\nx\r\n"), body: "8bitmime" }),
  ]);
  await queue.enqueue([message({ smtputf8: true, recipients: ["ü@dest.test"] })]);
  await attempts(3);
  assert.deepEqual(protocols.sort(), ["ESMTP", "UTF8SMTP", "UTF8SMTP"]);
});
