import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredMessage } from "../../queue/index.ts";
import {
  assertSound,
  changed,
  HOUR,
  ids,
  insert,
  lease,
  leaseOne,
  listed,
  type MakeQueuePlace,
  MINUTE,
  newMessage,
  only,
  rest,
  START,
  settle,
} from "./test-queue-place.ts";

/** Who gets which messages when. */
export function queueLeaseContract(make: MakeQueuePlace): void {
  test("queue: leases last while their owner gives signs of life; then others take over", async () => {
    const place = await make();
    const store = await place.open();
    const messages = [newMessage(), newMessage(), newMessage({ destination: "other.test" })];
    await insert(store, ...messages);
    const held = await lease(store, { limit: 2 });
    const late = { now: START + MINUTE, owner: "there" };
    const others = await leaseOne(store, { owner: "there" });
    assert.ok(!ids(held).includes(others.id));
    assert.equal(await settle(store, others, { owner: "there" }), "done");
    await store.renew("here", START + 2 * MINUTE);
    await store.renew("here", START + MINUTE);
    await store.renew("nobody", START + 9 * MINUTE);
    assert.deepEqual(await lease(store, late), [], "it said that it lives");
    assert.equal(await store.nextDueAt(), START + 2 * MINUTE);
    assert.deepEqual(
      await lease(store, { now: START + 9 * MINUTE }),
      [],
      "an owner gets nothing that it holds",
    );
    const taken = await lease(store, { now: START + 2 * MINUTE, owner: "there", until: START + 3 * MINUTE });
    assert.deepEqual(ids(taken), ids(held));
    assert.deepEqual(
      taken.map(({ lease: number, attempts, purpose }) => [number, attempts, purpose]),
      [
        [2, 0, "attempt"],
        [2, 0, "attempt"],
      ],
    );
    for (const one of held) assert.equal(await settle(store, one), "lease-lost");
    assert.deepEqual(await store.owners(), ["there"]);
    await assertSound(place);
  });

  test("queue: each lease, and each message that comes with one, is a sign of life", async () => {
    const place = await make();
    const store = await place.open();
    await insert(store, newMessage(), newMessage({ destination: "later.test", enqueuedAt: START + MINUTE }));
    await leaseOne(store, { until: START + MINUTE });
    await leaseOne(store, { now: START + MINUTE, until: START + 2 * MINUTE });
    assert.equal(await store.nextDueAt(), START + 2 * MINUTE);
    await insert(store, newMessage({ lease: { owner: "here", until: START + 3 * MINUTE } }));
    await insert(store, newMessage({ lease: { owner: "here", until: START + 2 * MINUTE } }));
    assert.equal(await store.nextDueAt(), START + 3 * MINUTE);
    assert.equal((await lease(store, { now: START + 3 * MINUTE, owner: "there" })).length, 4);
  });

  test("queue: leases are given back as they were: due, or in need of attention", async () => {
    const place = await make();
    const store = await place.open();
    await insert(
      store,
      newMessage({ destination: "a.test" }),
      newMessage({ destination: "b.test", wakeAt: START - 1, enqueuedAt: START + HOUR }),
    );
    await insert(
      store,
      newMessage({ destination: "c.test", lease: { owner: "there", until: START + HOUR } }),
    );
    await insert(
      store,
      newMessage({ destination: "d.test", lease: { owner: "other", until: START + HOUR } }),
    );
    const purposes = async (owner: string) =>
      (await lease(store, { owner })).map(({ destination, purpose }) => `${destination} ${purpose}`).sort();
    assert.deepEqual(await purposes("here"), ["a.test attempt", "b.test warn"]);
    assert.deepEqual([...(await store.owners())].sort(), ["here", "other", "there"]);
    await store.release(["here", "there", "nobody"], START);
    await store.release([], START);
    assert.deepEqual(await store.owners(), ["other"]);
    assert.deepEqual(await purposes("again"), ["a.test attempt", "b.test warn", "c.test attempt"]);
    assert.deepEqual(await store.owners(), ["again", "other"]);
    await assertSound(place);
  });

  test("queue: destinations have their turns, and a full one does not hide others", async () => {
    const place = await make();
    const store = await place.open();
    const at = (destination: string, count: number, enqueuedAt: number): StoredMessage[] =>
      Array.from({ length: count }, () => newMessage({ destination, enqueuedAt }));
    const names = Array.from({ length: 60 }, (_, n) => `full${n}.test`);
    await insert(
      store,
      ...at("big.test", 500, START - 5),
      ...names.flatMap((name) => at(name, 2, START - 4)),
      ...at("small.test", 3, START - 3),
      ...at("smaller.test", 1, START - 2),
      ...at("future.test", 1, START + 1),
    );
    const inWork = new Map(names.map((name) => [name, 7]));
    const counted = async (limit: number, perDestination: number, work: ReadonlyMap<string, number>) => {
      const leased = await lease(store, { limit, perDestination: () => perDestination, inWork: work });
      const counts = Map.groupBy(leased, ({ destination }) => destination);
      return [...counts].map(([name, messages]) => `${messages.length} ${name}`);
    };
    assert.deepEqual(await counted(3, 7, inWork), ["1 big.test", "1 small.test", "1 smaller.test"]);
    assert.deepEqual(await counted(1, 7, inWork), ["1 big.test"], "who waits longest is first");
    assert.deepEqual(await counted(9, 7, new Map([...inWork, ["big.test", 2]])), [
      "5 big.test",
      "2 small.test",
    ]);
    assert.deepEqual(await counted(9, 7, new Map([...inWork, ["big.test", 7]])), []);
    assert.deepEqual(await counted(0, 7, new Map()), []);
    const all = await counted(1000, 300, inWork);
    assert.deepEqual([all[0], all.length], ["300 big.test", 61]);
    assert.deepEqual(new Set(all.slice(1)), new Set(names.map((name) => `2 ${name}`)));
    await assertSound(place);
  });

  test("queue: what one destination does not need of its share others get", async () => {
    const place = await make();
    const store = await place.open();
    const at = (destination: string, count: number): StoredMessage[] =>
      Array.from({ length: count }, () => newMessage({ destination }));
    await insert(store, ...at("a.test", 1), ...at("b.test", 50), ...at("c.test", 2), ...at("d.test", 50));
    const leased = await lease(store, { limit: 40, perDestination: () => 25 });
    assert.equal(leased.length, 40);
    const counts = Map.groupBy(leased, ({ destination }) => destination);
    assert.deepEqual([counts.get("a.test")?.length, counts.get("c.test")?.length], [1, 2]);
    assert.ok((counts.get("b.test")?.length ?? 0) >= 12 && (counts.get("d.test")?.length ?? 0) >= 12);
  });

  test("queue: a destination that rests gets nothing, then one probe, then all", async () => {
    const place = await make();
    const store = await place.open();
    const messages = Array.from({ length: 9 }, () => newMessage());
    await insert(store, ...messages, newMessage({ destination: "fine.test" }));
    await rest(store, "dest.test", START + HOUR, 2);
    assert.equal((await leaseOne(store)).destination, "fine.test");
    assert.equal(await store.nextDueAt(), START + MINUTE, "when that lease runs out");
    await store.order({ destination: "fine.test" }, { kind: "remove" }, START, 9);
    await store.release(["here"], START);
    assert.equal(await store.nextDueAt(), START + HOUR, "its rest is honoured");
    const now = START + HOUR;
    const probe = await leaseOne(store, { now });
    assert.deepEqual(
      [probe.purpose, probe.destinationFailure, probe.destinationFailures],
      ["attempt", "nobody answers", 2],
    );
    assert.deepEqual(await lease(store, { now, inWork: new Map([["dest.test", 1]]) }), []);
    const waits = { next: { kind: "wait", dueAt: now + MINUTE }, changes: [changed(0, "deferred")] } as const;
    await settle(store, probe, waits);
    await rest(store, "dest.test", now + 2 * HOUR, 3);
    assert.deepEqual(await lease(store, { now: now + HOUR }), []);
    assert.equal((await listed(store, probe.id))?.dueAt, now + 2 * HOUR);
    const { restsUntil, failures, failure } = only(await store.destinations(9));
    assert.deepEqual([restsUntil, failures, failure], [now + 2 * HOUR, 3, "nobody answers"]);
    await rest(store, "dest.test", null);
    assert.deepEqual(ids(await lease(store, { now: now + HOUR })), ids(messages));
    await assertSound(place);
  });

  test("queue: while a destination rests senders are told of the delay, and in the end that it was in vain", async () => {
    const place = await make();
    const store = await place.open();
    const soon = newMessage({ wakeAt: START + HOUR, expiresAt: START + 3 * HOUR });
    const later = newMessage({ wakeAt: START + 2 * HOUR });
    await insert(store, soon, later);
    await rest(store, "dest.test", START + 9 * HOUR);
    assert.equal(await store.nextDueAt(), START + HOUR);
    const told = await leaseOne(store, { now: START + HOUR });
    assert.deepEqual(
      [told.id, told.purpose, told.destinationFailure, told.destinationFailures, told.warned],
      [soon.id, "warn", "nobody answers", 1, false],
    );
    const next = { kind: "wait", dueAt: START } as const;
    await settle(store, told, { next, warned: true, wakeAt: START + 3 * HOUR, attempted: false });
    assert.equal(await store.nextDueAt(), START + 2 * HOUR);
    const other = await leaseOne(store, { now: START + 2 * HOUR });
    assert.deepEqual([other.id, other.purpose], [later.id, "warn"]);
    await store.release(["here"], START + 2 * HOUR);
    const both = await lease(store, { now: START + 3 * HOUR });
    assert.deepEqual(
      new Map(both.map(({ id, purpose, warned }) => [id, `${purpose} ${warned}`])),
      new Map([
        [soon.id, "expired true"],
        [later.id, "warn false"],
      ]),
    );
    await assertSound(place);
  });

  test("queue: a message that is not due, at a destination that works, is attended to; one that is due is attempted", async () => {
    const place = await make();
    const store = await place.open();
    const waiting = newMessage({ enqueuedAt: START + HOUR, wakeAt: START, expiresAt: START + 2 * HOUR });
    const late = newMessage({ wakeAt: START, expiresAt: START });
    await insert(store, waiting, late);
    const full = new Map([["dest.test", 5]]);
    const warned = await leaseOne(store, { perDestination: () => 5, inWork: full });
    assert.deepEqual([warned.id, warned.purpose], [waiting.id, "warn"]);
    assert.deepEqual(await lease(store, { perDestination: () => 5, inWork: full }), [], "its turn will come");
    const attempt = await leaseOne(store);
    assert.deepEqual([attempt.id, attempt.purpose], [late.id, "attempt"]);
    const next = { kind: "wait", dueAt: START + MINUTE } as const;
    await settle(store, attempt, { next, wakeAt: START, changes: [changed(0, "deferred")] });
    assert.equal((await leaseOne(store)).purpose, "expired");
  });

  test("queue: a hundred that need attention do not hide one that is due, nor the other way round", async () => {
    const place = await make();
    const store = await place.open();
    const many = (destination: string) =>
      Array.from({ length: 100 }, () => newMessage({ destination, wakeAt: START }));
    await insert(
      store,
      ...many("dead.test"),
      ...many("fine.test").map((one) => ({ ...one, wakeAt: START + HOUR })),
    );
    await rest(store, "dead.test", START + HOUR);
    const purposesOf = async (limit: number) => {
      const leased = await lease(store, { limit });
      return leased.map(({ destination, purpose }) => `${destination} ${purpose}`);
    };
    const one = [...(await purposesOf(1)), ...(await purposesOf(1))];
    assert.deepEqual(one.sort(), ["dead.test warn", "fine.test attempt"]);
    const ten = Map.groupBy(await purposesOf(10), (text) => text);
    assert.deepEqual([ten.get("dead.test warn")?.length, ten.get("fine.test attempt")?.length], [5, 5]);
    assert.equal((await purposesOf(1000)).length, 188);
  });

  test("queue: looking for work again and again is soon told that there is none", async () => {
    const place = await make();
    const store = await place.open();
    await insert(store, newMessage(), newMessage({ destination: "b.test", enqueuedAt: START + HOUR }));
    // What is held or removed leaves its destination due, until somebody looks.
    await store.order({ destination: "dest.test" }, { kind: "hold", because: "x" }, START, 9);
    assert.equal(await store.nextDueAt(), START);
    assert.deepEqual(await lease(store), []);
    assert.equal(await store.nextDueAt(), START + HOUR);
    await store.order({}, { kind: "remove" }, START, 9);
    assert.deepEqual(await lease(store, { now: START + HOUR }), []);
    assert.equal(await store.nextDueAt(), null);
    await rest(store, "resting.test", START + HOUR);
    await rest(store, "failed.test", START - 1);
    await store.tidy(START);
    const names = async () =>
      (await place.sql("SELECT name FROM destination ORDER BY name")).map(({ name }) => name);
    assert.deepEqual(await names(), ["failed.test", "resting.test"], "a probe may be under way");
    await store.tidy(START + 3 * HOUR);
    assert.deepEqual(await names(), []);
    assert.deepEqual(await place.sql("SELECT owner FROM lease_holder"), []);
    await insert(store, newMessage());
    assert.equal((await lease(store)).length, 1, "a destination that was forgotten is there again");
  });

  test("queue: what waits is found at its time, whatever made it wait", async () => {
    const place = await make();
    const store = await place.open();
    const wait = async (enqueuedAt: number, dueAt: number): Promise<void> => {
      const message = newMessage({ enqueuedAt });
      await insert(store, message);
      const leased = await leaseOne(store, { now: enqueuedAt });
      await settle(store, leased, { next: { kind: "wait", dueAt }, wakeAt: START + 99 * HOUR });
    };
    await wait(START - 3, START + 2 * HOUR);
    assert.equal(await store.nextDueAt(), START + 2 * HOUR);
    await wait(START - 2, START + HOUR);
    assert.equal(await store.nextDueAt(), START + HOUR, "earlier than the first");
    await wait(START - 1, START + 3 * HOUR);
    assert.equal(await store.nextDueAt(), START + HOUR, "later than the first");
    const dueAt = async (now: number) => (await lease(store, { now })).length;
    assert.deepEqual([await dueAt(START + HOUR - 1), await dueAt(START + HOUR)], [0, 1]);
    assert.deepEqual([await dueAt(START + 2 * HOUR), await dueAt(START + 3 * HOUR)], [1, 1]);
  });
}
