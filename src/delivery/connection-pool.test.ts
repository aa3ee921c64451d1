import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { reply } from "../smtp/index.ts";
import { type LabOptions, openLab } from "./test-lab.ts";
import { startServer } from "./test-network.ts";

const records = { "mx.test": { A: ["127.0.0.1"] } };

/** A lab in which every `dN.test` has the one mail host `mx.test`. */
async function labWithOneHost(t: TestContext, port: number, pool: NonNullable<LabOptions["pool"]> = {}) {
  const lab = await openLab(t, { places: { "mx.test:25": port }, pool });
  lab.dns.set("mx.test", records["mx.test"]);
  for (let index = 0; index < 50; index++) lab.dns.set(`d${index}.test`, { MX: [[10, "mx.test"]] });
  return lab;
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

test("a server that bears three connections gets all its mail over three, and nothing is deferred", async (t) => {
  let most = 0;
  const { port, taken, server } = await startServer(
    t,
    {
      mail: async () => {
        most = Math.max(most, server.connections);
        await sleep(5);
        return null;
      },
    },
    { limits: { connectionsPerAddress: 3 } },
  );
  const lab = await labWithOneHost(t, port);
  const results = await Promise.all(many(60, (index) => lab.send({ destination: `d${index % 3}.test` })));
  assert.ok(results.every((line) => line.startsWith("delivered")));
  assert.equal(taken.length, 60);
  assert.ok(most <= 3, `${most}`);
  assert.ok(lab.dialled.length <= 10, `${lab.dialled.length} connections were tried`);
});

test("connections to a host grow from five while mail gets through, and never over the limit", async (t) => {
  let now = 0;
  let most = 0;
  const { port } = await startServer(t, {
    connect: () => {
      most = Math.max(most, ++now);
      return null;
    },
    disconnect: () => void now--,
    mail: async () => {
      await sleep(10);
      return null;
    },
  });
  const lab = await labWithOneHost(t, port, { connectionsPerDestination: 8, messagesPerConnection: 1000 });
  await Promise.all(many(5, (index) => lab.send({ destination: `d${index}.test` })));
  assert.equal(most, 5);
  await Promise.all(many(100, (index) => lab.send({ destination: `d${index % 20}.test` })));
  assert.equal(most, 8);
});

test("domains that share a host take turns, however much one of them has", async (t) => {
  const order: string[] = [];
  const { port } = await startServer(t, {
    mail: async () => {
      await sleep(2);
      return null;
    },
  });
  const lab = await labWithOneHost(t, port, { connectionsPerDestination: 1 });
  const send = (destination: string) => lab.send({ destination }).then(() => order.push(destination));
  await Promise.all([...many(20, () => send("d0.test")), send("d1.test"), send("d2.test")]);
  assert.ok(order.indexOf("d1.test") <= 4 && order.indexOf("d2.test") <= 4, order.join());
});

test("who waits for a connection waits so long and no longer, and nothing was tried for it", async (t) => {
  const { port } = await startServer(t, { mail: () => new Promise(() => {}) });
  const lab = await labWithOneHost(t, port, { connectionsPerDestination: 1, waitMs: 50 });
  void lab.send();
  lab.dns.set("dest.test", { MX: [[10, "mx.test"]] });
  const first = lab.outcome();
  await sleep(20);
  const { results, reach } = await lab.outcome({ destination: "d1.test" });
  assert.deepEqual(reach, { kind: "busy" });
  assert.match(results[0]?.text ?? "", /all connections to mx\.test are in use/);
  lab.pool.abort();
  assert.equal((await first).results[0]?.kind, "deferred");
});

test("all who want an address that is dead hear of it at once, when the first has found out", async (t) => {
  const lab = await labWithOneHost(t, 1, { avoidMs: 1000 });
  const outcomes = await Promise.all(many(40, () => lab.outcome({ destination: "d1.test" })));
  assert.ok(outcomes.every(({ reach }) => reach.kind === "failed"));
  assert.ok(lab.dialled.length <= 5, `${lab.dialled.length}`);
});

test("abort ends a connection that is only being opened", async (t) => {
  const silent = createServer((socket: Socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const lab = await labWithOneHost(t, (silent.address() as { port: number }).port);
  const outcome = lab.outcome({ destination: "d1.test" });
  while (lab.dialled.length === 0) await sleep(5);
  await sleep(20);
  const begun = performance.now();
  lab.pool.abort();
  assert.equal((await outcome).results[0]?.kind, "deferred");
  assert.ok(performance.now() - begun < 1000);
});

test("a server that turns everybody away rests; one that has a word for the message does not", async (t) => {
  for (const [handler, kind] of [
    [{ connect: () => reply(421, "4.3.2", "Later") }, "failed"],
    [{ connect: () => reply(554, "5.7.1", "Not you") }, "failed"],
    [{ mail: () => reply(451, "4.7.1", "Greylisted") }, "worked"],
    [{ rcpt: () => reply(450, "4.2.0", "Not now") }, "worked"],
    [{ mail: () => reply(550, "5.7.1", "No") }, "worked"],
    [{ data: () => reply(452, "4.3.1", "Full") }, "worked"],
    [{}, "worked"],
  ] as const) {
    const { port } = await startServer(t, handler);
    const lab = await labWithOneHost(t, port);
    assert.equal((await lab.outcome({ destination: "d1.test" })).reach.kind, kind, Object.keys(handler)[0]);
  }
});

test("a domain with several hosts has no more connections in use than one with one", async (t) => {
  let now = 0;
  let most = 0;
  const handler = {
    mail: async () => {
      most = Math.max(most, ++now);
      await sleep(10);
      now--;
      return null;
    },
  };
  const hosts = await Promise.all(many(4, () => startServer(t, handler)));
  const places = Object.fromEntries(hosts.map(({ port }, index) => [`mx${index}.test:25`, port]));
  const lab = await openLab(t, { places, pool: { connectionsPerDestination: 3 } });
  lab.dns.set("dest.test", { MX: hosts.map((_, index) => [10, `mx${index}.test`]) });
  for (const index of hosts.keys()) lab.dns.set(`mx${index}.test`, { A: ["127.0.0.1"] });
  const results = await Promise.all(many(60, () => lab.send()));
  assert.ok(results.every((line) => line.startsWith("delivered")));
  assert.equal(most, 3);
  assert.ok(
    hosts.every(({ taken }) => taken.length > 0),
    "all of equal preference are used",
  );
});
