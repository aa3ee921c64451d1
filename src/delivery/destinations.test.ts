import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ConnectionPlace } from "./connection-place.ts";
import { Destinations } from "./destinations.ts";
import { FairLine } from "./fair-line.ts";
import { addressesToTry } from "./target.ts";

test("a destination's window grows with each message that got through, and is halved when nobody was there", () => {
  const destinations = new Destinations({ first: 3, most: 6 });
  const window = () => destinations.windowOf("a.test");
  assert.equal(window(), 3);
  for (const expected of [4, 5, 6, 6]) {
    destinations.worked("a.test");
    assert.equal(window(), expected);
  }
  for (const expected of [3, 1, 1]) {
    destinations.failed("a.test");
    assert.equal(window(), expected);
  }
  assert.equal(destinations.windowOf("b.test"), 3);
  for (const _ of [1, 2, 3]) {
    assert.ok(destinations.hasRoom("b.test"));
    destinations.begin("b.test");
  }
  assert.ok(!destinations.hasRoom("b.test"));
  assert.deepEqual([...destinations.inWork], [["b.test", 3]]);
  destinations.end("b.test");
  assert.ok(destinations.hasRoom("b.test"));
  destinations.end("b.test");
  destinations.end("b.test");
  assert.equal(destinations.inWork.size, 0);
});

test("while many messages are slow, destinations that have such get no more", () => {
  const destinations = new Destinations({ first: 3, most: 6 });
  destinations.begin("slow.test");
  destinations.slow("slow.test", 1);
  assert.ok(destinations.hasRoom("slow.test"));
  destinations.isPressed = true;
  assert.ok(!destinations.hasRoom("slow.test"));
  assert.ok(destinations.hasRoom("other.test"));
  destinations.slow("slow.test", -1);
  assert.ok(destinations.hasRoom("slow.test"));
});

test("in a fair line groups take turns, and each keeps its order", () => {
  const line = new FairLine<string>();
  for (const one of ["a1", "a2", "a3", "b1", "c1", "c2"]) line.add(one[0] as string, one);
  line.remove("a", "a2");
  line.remove("b", "none");
  line.remove("d", "d1");
  const order: (string | undefined)[] = [line.next(), line.next()];
  line.add("b", "b2");
  while (!line.isEmpty) order.push(line.next());
  assert.deepEqual(order, ["a1", "b1", "c1", "a3", "b2", "c2"]);
  assert.equal(line.next(), undefined);
  line.add("a", "a1");
  line.remove("a", "a1");
  assert.ok(line.isEmpty);
});

/** A clock that the test moves. */
function testClock() {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  return {
    now: () => now,
    schedule: (delayMs: number, callback: () => void) => {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass: (ms: number) => {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
    get waiting() {
      return timers.size;
    },
  };
}

test("connections to a place: five at first, more while mail gets through, what the server bears after a refusal", async () => {
  const clock = testClock();
  const place = new ConnectionPlace(clock, 8);
  const entered: string[] = [];
  const enter = (destination: string) =>
    place.enter(destination, 1000).then((isIn) => entered.push(`${destination} ${isIn}`));
  for (let count = 0; count < 5; count++) await enter("a");
  for (const destination of ["b", "b", "c"]) void enter(destination);
  await turn();
  assert.equal(entered.length, 5);
  // One for one: whose turn it is goes round.
  place.leave();
  place.leave();
  await turn();
  assert.deepEqual(entered.slice(5), ["b true", "c true"]);
  // Five messages that got through make room for one more connection.
  for (let count = 0; count < 5; count++) place.grow();
  await turn();
  assert.deepEqual(entered.slice(7), []);
  place.grow();
  await turn();
  assert.deepEqual(entered.slice(7), ["b true"]);
  for (let count = 0; count < 100; count++) place.grow();
  await enter("a");
  await enter("a");
  void enter("a");
  await turn();
  assert.equal(entered.length, 10, "never over the limit");
  // It bears three, and for a while it is not asked for more.
  place.shrink(3);
  for (let count = 0; count < 100; count++) place.grow();
  for (let count = 0; count < 5; count++) place.leave();
  await turn();
  assert.equal(entered.length, 10);
  place.leave();
  await turn();
  assert.equal(entered.length, 11);
  clock.pass(60_000);
  place.grow();
  place.grow();
  place.grow();
  place.grow();
  void enter("a");
  await turn();
  assert.equal(entered.length, 12);
  // Who waits too long goes without.
  void enter("z");
  clock.pass(1000);
  await turn();
  assert.equal(entered.at(-1), "z false");
  assert.equal(clock.waiting, 0);
});

test("addresses: one of each kind first, IPv6 before IPv4", () => {
  assert.deepEqual(addressesToTry(["10.0.0.1", "10.0.0.2", "::1", "::2"]), ["::1", "10.0.0.1"]);
  assert.deepEqual(addressesToTry(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(addressesToTry(["::1"]), ["::1"]);
});
