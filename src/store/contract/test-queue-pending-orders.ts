import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueOrder, QueueStore } from "../../queue/index.ts";
import {
  assertSound,
  HOUR,
  insert,
  lease,
  leaseOne,
  listed,
  type MakeQueuePlace,
  MINUTE,
  newMessage,
  orderAll,
  START,
  settle,
} from "./test-queue-place.ts";

const hold: QueueOrder = { kind: "hold", because: "the operator looks into it" };

/** What is ordered for messages that a delivery holds. */
export function queuePendingOrderContract(make: MakeQueuePlace): void {
  /** A message that is leased, and was ordered something meanwhile. */
  async function orderedWhileLeased(store: QueueStore, ...orders: readonly QueueOrder[]) {
    await insert(store, newMessage());
    const leased = await leaseOne(store);
    for (const order of orders)
      assert.equal(await orderAll(store, { ids: [leased.id] }, order, START + 5), 1);
    return leased;
  }

  test("queue: what is ordered while a delivery holds a message is done when it settles", async () => {
    const place = await make();
    const store = await place.open();
    const wait = { kind: "wait", dueAt: START + HOUR } as const;
    const held = { kind: "hold", because: "suspended" } as const;
    for (const [orders, next, expected] of [
      [[hold], wait, "held null the operator looks into it"],
      [[hold], held, "held null the operator looks into it"],
      [[hold], { kind: "gone" }, "gone"],
      [[hold, { kind: "release" }], wait, "queued null null"],
      [[hold, { kind: "remove" }], wait, "gone"],
      [[{ kind: "remove" }], wait, "gone"],
      [[{ kind: "remove" }], held, "gone"],
      [[{ kind: "remove" }, hold], wait, "held null the operator looks into it"],
      [[{ kind: "bounce" }], { kind: "gone" }, "gone"],
      [[{ kind: "bounce" }, { kind: "remove" }], wait, "gone"],
      [[{ kind: "bounce" }], wait, "queued bounce null"],
      [[{ kind: "bounce" }], held, "queued bounce null"],
    ] as const satisfies readonly (readonly [readonly QueueOrder[], unknown, string])[]) {
      const leased = await orderedWhileLeased(store, ...orders);
      assert.equal(await settle(store, leased, { next, wakeAt: START + 9 * HOUR }), "done");
      const found = await listed(store, leased.id);
      const fate = found === null ? "gone" : `${found.state} ${found.pendingOrder} ${found.heldBecause}`;
      assert.equal(fate, expected, JSON.stringify([orders, next]));
      await assertSound(place);
      await store.order({}, { kind: "remove" }, START, 9);
    }
  });

  test("queue: a message to be bounced comes back at once; the bounce that was not made, when it was settled for", async () => {
    const place = await make();
    const store = await place.open();
    const leased = await orderedWhileLeased(store, { kind: "bounce" });
    const later = { next: { kind: "wait", dueAt: START + HOUR }, wakeAt: START + HOUR } as const;
    await settle(store, leased, later);
    assert.equal(await store.nextDueAt(), START + 5);
    const bounce = await leaseOne(store, { now: START + 5 });
    assert.equal(bounce.purpose, "bounce");
    await settle(store, bounce, later);
    assert.deepEqual(await lease(store, { now: START + HOUR - 1 }), []);
    const again = await leaseOne(store, { now: START + HOUR });
    assert.equal(again.purpose, "bounce");
    await store.release(["here"], START + HOUR);
    assert.equal((await leaseOne(store, { now: START + HOUR })).purpose, "bounce", "it was given back");
    // Ordered otherwise while it was being bounced.
    await orderAll(store, {}, hold, START + HOUR);
    await orderAll(store, {}, { kind: "release" }, START + HOUR);
    await store.release(["here"], START + HOUR);
    const attempt = await leaseOne(store, { now: START + HOUR });
    assert.equal(attempt.purpose, "attempt");
    assert.equal(await settle(store, attempt), "done");
    await assertSound(place);
  });

  test("queue: what was ordered is done when a lease runs out or is given back, too", async () => {
    const place = await make();
    const store = await place.open();
    for (const endLease of [
      (now: number) => store.release(["here"], now),
      async (now: number) => {
        await store.order({ destination: "none" }, hold, now, 1);
        const others = await lease(store, { now, owner: "there" });
        for (const one of others) assert.equal(one.purpose, "bounce");
      },
    ]) {
      const held = await orderedWhileLeased(store, hold);
      const removed = await orderedWhileLeased(store, { kind: "remove" });
      const bounced = await orderedWhileLeased(store, { kind: "bounce" });
      await endLease(START + MINUTE);
      assert.equal((await listed(store, held.id))?.state, "held");
      assert.equal(await listed(store, removed.id), null);
      assert.equal((await listed(store, bounced.id))?.pendingOrder, "bounce");
      await store.order({}, { kind: "remove" }, START, 9);
      await store.release(["there"], START);
      assert.equal((await store.counts()).oldestAt, null);
      await assertSound(place);
    }
  });
}
