import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { reply } from "../smtp/index.ts";
import { message, resolverOf, startDelivery, startServer } from "./test-network.ts";

const local = ["127.0.0.1"];

/** Each domain has one mail host of its own: `mx.` below it. */
function domains(names: readonly string[]) {
  return resolverOf(
    Object.fromEntries(
      names.flatMap((name) => [
        [name, { mx: [[10, `mx.${name}`] as const] }],
        [`mx.${name}`, { addresses: local }],
      ]),
    ),
  );
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    assert.ok(performance.now() < end, "it did not come about in time");
    await sleep(5);
  }
}

test("thousands of messages to a dead destination cost a few attempts, and live mail goes on", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, dialled } = await startDelivery(
    t,
    { "mx.live.test": port },
    { resolver: domains(["live.test", "dead.test"]), retryMs: 100 },
  );
  await queue.enqueue(many(3000, (index) => message({ recipients: [`r${index}@dead.test`] })));
  await queue.enqueue(many(200, (index) => message({ recipients: [`r${index}@live.test`] })));
  await until(() => taken.length === 200);
  await sleep(500);
  const tries = dialled.filter((place) => place.startsWith("mx.dead.test")).length;
  assert.ok(tries >= 1 && tries <= 5, `${tries} connections to the dead one`);
  assert.ok(queue.isResting("dead.test") && !queue.isResting("live.test"));
  const [dead] = await queue.destinations(10);
  assert.equal(dead?.destination, "dead.test");
  assert.match(dead?.failure ?? "", /cannot connect/);
});

test("tarpits hold their connections, and neither all places nor the mail of others", async (t) => {
  const held = Promise.withResolvers<null>();
  const tarpit = await startServer(t, { mail: () => held.promise });
  const live = await startServer(t);
  const slow = many(30, (index) => `slow${index}.test`);
  const ports = Object.fromEntries(slow.map((name) => [`mx.${name}`, tarpit.port]));
  const { queue } = await startDelivery(
    t,
    { ...ports, "mx.live.test": live.port },
    {
      resolver: domains([...slow, "live.test"]),
      limits: { messages: 20, slowMs: 100, connectionsPerDestination: 4 },
    },
  );
  await queue.enqueue(slow.flatMap((name) => many(10, () => message({ recipients: [`r@${name}`] }))));
  await until(() => tarpit.server.connections >= 30);
  const begun = performance.now();
  await queue.enqueue(many(100, (index) => message({ recipients: [`r${index}@live.test`] })));
  await until(() => live.taken.length === 100);
  assert.ok(performance.now() - begun < 5000);
  assert.ok(tarpit.server.connections <= 30 * 4, `${tarpit.server.connections}`);
  held.resolve(null);
});

test("one destination has at most half of the places, while others wait or not", async (t) => {
  const held = Promise.withResolvers<null>();
  const { port, server } = await startServer(t, { mail: () => held.promise });
  const { queue } = await startDelivery(
    t,
    { "mx.dest.test": port },
    { limits: { messages: 6, slowMs: 1e6, connectionsPerDestination: 50 } },
  );
  await queue.enqueue(many(20, () => message()));
  await until(() => server.connections === 3);
  await sleep(100);
  assert.equal(server.connections, 3);
  held.resolve(null);
});

test("mail that comes in goes out at once, and waits in the queue where its destination has no place", async (t) => {
  const held = Promise.withResolvers<null>();
  const { port, taken, server } = await startServer(t, { mail: () => held.promise });
  const { queue, events } = await startDelivery(
    t,
    { "mx.dest.test": port },
    { limits: { messages: 100, connectionsPerDestination: 2 } },
  );
  let leased = 0;
  const { lease } = queue;
  queue.lease = async (limits) => {
    const messages = await lease.call(queue, limits);
    leased += messages.length;
    return messages;
  };
  await queue.enqueue([message(), message()]);
  await until(() => server.connections === 2);
  assert.equal(leased, 0, "both were handed over");
  await queue.enqueue(many(8, () => message()));
  assert.deepEqual(await queue.counts().then(({ queued, leased }) => [queued, leased]), [8, 2]);
  held.resolve(null);
  await until(() => taken.length === 10);
  await until(() => events.filter(({ kind }) => kind === "attempted").length === 10);
  assert.equal(new Set(taken.map(({ sessionId }) => sessionId)).size, 2);
  assert.equal((await queue.counts()).leased, 0);
});

test("a destination that works again gets all that waited", async (t) => {
  let up = false;
  const { port, taken } = await startServer(t, { connect: () => (up ? null : reply(421, "4.3.2", "Later")) });
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port }, { retryMs: 10 });
  await queue.enqueue([message()]);
  await attempts(1);
  await queue.enqueue(many(50, () => message()));
  await sleep(200);
  assert.equal(taken.length, 0);
  assert.ok(queue.isResting("dest.test"));
  up = true;
  await queue.order({}, { kind: "retry" });
  await until(() => taken.length === 51);
  assert.ok(!queue.isResting("dest.test"));
});

test("a trial is a connection, whatever is remembered of the address", async (t) => {
  let up = false;
  const { port, taken } = await startServer(t, { connect: () => (up ? null : reply(421, "4.3.2", "Later")) });
  const limits = { avoidMs: 1e6 };
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port }, { retryMs: 1e6, limits });
  await queue.enqueue([message()]);
  await attempts(1);
  up = true;
  await queue.order({}, { kind: "retry" });
  await until(() => taken.length === 1);
});

test("greylisting is the message's matter: the destination does not rest", async (t) => {
  const seen = new Set<string>();
  const { port, taken } = await startServer(t, {
    rcpt: (_, { text }) => {
      if (seen.has(text)) return null;
      seen.add(text);
      return reply(450, "4.2.0", "Greylisted");
    },
  });
  const { queue } = await startDelivery(t, { "mx.dest.test": port }, { retryMs: 50 });
  await queue.enqueue(many(20, (index) => message({ recipients: [`r${index}@dest.test`] })));
  await until(() => taken.length === 20);
  assert.ok(!queue.isResting("dest.test"));
});

test("stop does not wait for name servers longer than the grace", async (t) => {
  let asked = 0;
  const { queue, delivery } = await startDelivery(
    t,
    {},
    {
      resolver: {
        ...resolverOf({}),
        mx: (_, signal) => {
          asked++;
          return new Promise((resolve) => {
            signal?.addEventListener("abort", () => resolve({ kind: "failure", detail: "out of time" }));
          });
        },
      },
    },
  );
  await queue.enqueue([message()]);
  await until(() => asked > 0);
  const begun = performance.now();
  await delivery.stop(50);
  assert.ok(performance.now() - begun < 2000);
  assert.equal((await queue.counts()).leased, 1, "given back when the queue is closed");
});

test("what its server has taken makes room before the disk knows", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue } = await startDelivery(
    t,
    { "mx.dest.test": port },
    { limits: { messages: 4, connectionsPerDestination: 1 } },
  );
  const synced = Promise.withResolvers<void>();
  const { settle } = queue;
  queue.settle = async (leased, result) => {
    await synced.promise;
    return settle.call(queue, leased, result);
  };
  await queue.enqueue(many(40, (index) => message({ recipients: [`r${index}@dest.test`] })));
  await until(() => taken.length === 40);
  assert.equal((await queue.counts()).leased, 40);
  // But not without end: 80 may wait to be recorded.
  await queue.enqueue(many(100, (index) => message({ recipients: [`s${index}@dest.test`] })));
  await until(() => taken.length >= 80);
  await sleep(100);
  assert.ok(taken.length <= 84, `${taken.length}`);
  synced.resolve();
  await until(() => taken.length === 140);
});
