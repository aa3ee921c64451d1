import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueFilter, QueueOrder } from "../../queue/index.ts";
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
  newRecipient,
  only,
  orderAll,
  rest,
  START,
  settle,
} from "./test-queue-place.ts";

const hold: QueueOrder = { kind: "hold", because: "the operator looks into it" };

/** What operators see and order. */
export function queueOrderContract(make: MakeQueuePlace): void {
  test("queue: lists, counts and filters", async () => {
    const place = await make();
    const store = await place.open();
    assert.deepEqual(await store.counts(), {
      queued: 0,
      leased: 0,
      held: 0,
      deferredRecipients: 0,
      octets: 0,
      oldestAt: null,
      quarantined: 0,
      quarantinedOctets: 0,
    });
    const messages = [
      newMessage({ sender: "Allice@SomeISP.test", kids: ["k1", "k2"], requireTls: true }),
      newMessage({ sender: "", account: null, enqueuedAt: START - HOUR }),
      newMessage({
        sender: "x@some_isp.test",
        recipients: [newRecipient("Bob@Other.test"), newRecipient("eve@other.test")],
        destination: "other.test",
        account: "a2",
      }),
      newMessage({ sender: "ÄÖ@someisp.test", lease: { owner: "there", until: START + MINUTE } }),
    ];
    await insert(store, ...messages);
    const [first, second, third, fourth] = messages.map(({ id }) => id);
    const leased = await lease(store, { perDestination: () => 1 });
    const delivered = only(leased.filter(({ id }) => id === third));
    const next = { kind: "wait", dueAt: START + 2 * HOUR } as const;
    await settle(store, delivered, { changes: [changed(0, "delivered"), changed(1, "deferred")], next });
    await store.release(["here"], START);
    const found = async (filter: QueueFilter) => ids(await store.list(filter, 9));
    const all = [first, second, third, fourth];
    for (const [filter, expected] of [
      [{}, all],
      [{ ids: [third, "nothing", first, third] as string[] }, [first, third]],
      [{ ids: [] }, []],
      [{ sender: "allice@someisp.TEST" }, [first]],
      [{ sender: "allice" }, []],
      [{ sender: "@someisp.test" }, [first, fourth]],
      [{ sender: "@some_isp.test" }, [third]],
      [{ sender: "@isp.test" }, []],
      [{ sender: "äÖ@someisp.test" }, []],
      [{ sender: "<>" }, [second]],
      [{ recipient: "bob@dest.test" }, [first, second, fourth]],
      [{ recipient: "bob@other.test" }, []],
      [{ recipient: "EVE@other.test" }, [third]],
      [{ recipient: "@Other.test" }, [third]],
      [{ destination: "other.test" }, [third]],
      [{ account: "a1" }, [first, fourth]],
      [{ account: "a2" }, [third]],
      [{ state: "queued" }, [first, second, third]],
      [{ state: "leased" }, [fourth]],
      [{ state: "held" }, []],
      [{ state: "deferred" }, [third]],
      [{ before: START }, [second]],
      [{ before: START - HOUR }, []],
      [{ account: "a1", state: "leased", sender: "@someisp.test", ids: all as string[] }, [fourth]],
      [{ account: "a1", state: "held" }, []],
    ] as const satisfies readonly (readonly [QueueFilter, unknown])[]) {
      assert.deepEqual(await found(filter), expected, JSON.stringify(filter));
    }
    const page = await store.list({ account: "a1" }, 1);
    assert.deepEqual(ids(page), [first]);
    assert.deepEqual(ids(await store.list({ account: "a1" }, 1, first)), [fourth]);
    assert.deepEqual(ids(await store.list({ ids: all as string[] }, 2, first)), [second, third]);
    const { recipients: _, ...shown } = only(page);
    assert.deepEqual(shown, {
      id: first,
      state: "queued",
      heldBecause: null,
      quarantine: null,
      pendingOrder: null,
      destination: "dest.test",
      sender: "Allice@SomeISP.test",
      account: "a1",
      kids: ["k1", "k2"],
      size: 36,
      enqueuedAt: START,
      expiresAt: START + 120 * HOUR,
      dueAt: START,
      attempts: 0,
      warned: false,
      requireTls: true,
    });
    const dues = await store.list({}, 9);
    assert.deepEqual(
      dues.map(({ dueAt }) => dueAt),
      [START, START - HOUR, START + 2 * HOUR, START + MINUTE],
    );
    await store.order({ ids: [first as string] }, hold, START, 9);
    assert.deepEqual(await store.counts(), {
      queued: 2,
      leased: 1,
      held: 1,
      deferredRecipients: 1,
      octets: 4 * 36,
      oldestAt: START - HOUR,
      quarantined: 0,
      quarantinedOctets: 0,
    });
    await rest(store, "other.test", START + HOUR, 4);
    assert.deepEqual(await store.destinations(9), [
      {
        destination: "dest.test",
        queued: 1,
        leased: 1,
        held: 1,
        oldestAt: START - HOUR,
        restsUntil: null,
        failures: 0,
        failure: null,
      },
      {
        destination: "other.test",
        queued: 1,
        leased: 0,
        held: 0,
        oldestAt: START,
        restsUntil: START + HOUR,
        failures: 4,
        failure: "nobody answers",
      },
    ]);
    assert.equal((await store.destinations(1)).length, 1);
  });

  test("queue: hundreds of ids are listed and ordered in pieces", async () => {
    const place = await make();
    const store = await place.open();
    const messages = Array.from({ length: 300 }, () => newMessage());
    await insert(store, ...messages);
    const wanted = ids(messages).filter((_, n) => n % 2 === 0);
    const seen: string[] = [];
    for (;;) {
      const page = await store.list({ ids: [...wanted].reverse() }, 40, seen.at(-1));
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
    }
    assert.deepEqual(seen, wanted);
    assert.equal(await orderAll(store, { ids: wanted }, hold, START, 70), 150);
    assert.deepEqual(ids(await store.list({ state: "held" }, 999)), wanted);
    assert.equal(await orderAll(store, { state: "queued" }, { kind: "remove" }, START, 70), 150);
    assert.equal(await orderAll(store, {}, { kind: "release" }, START, 1000), 150);
    assert.equal((await lease(store, { limit: 999, perDestination: () => 999 })).length, 150);
    await assertSound(place);
  });

  test("queue: held messages stay until they are released, and are due then", async () => {
    const place = await make();
    const store = await place.open();
    const messages = [newMessage({ wakeAt: START }), newMessage(), newMessage()];
    await insert(store, ...messages);
    const filter = { ids: ids(messages.slice(0, 2)) };
    assert.equal(await orderAll(store, filter, hold), 2);
    assert.equal(await orderAll(store, filter, hold), 0);
    assert.equal(await orderAll(store, filter, { kind: "retry" }), 0, "first it has to be released");
    const shown = only(await store.list({ ids: filter.ids.slice(0, 1) }, 9));
    assert.deepEqual(
      [shown.state, shown.heldBecause, shown.dueAt],
      ["held", "the operator looks into it", null],
    );
    assert.deepEqual(ids(await lease(store, { now: START + 99 * HOUR })), ids(messages.slice(2)));
    await store.release(["here"], START);
    await store.order({ ids: ids(messages.slice(2)) }, { kind: "remove" }, START, 9);
    assert.deepEqual(await lease(store, { now: START + 99 * HOUR }), []);
    assert.equal(await orderAll(store, {}, { kind: "release" }, START + HOUR), 2);
    assert.equal(await orderAll(store, {}, { kind: "release" }, START + HOUR), 0);
    assert.deepEqual(
      (await store.list({}, 9)).map(({ state, heldBecause, dueAt }) => [state, heldBecause, dueAt]),
      [
        ["queued", null, START + HOUR],
        ["queued", null, START + HOUR],
      ],
    );
    assert.equal((await lease(store, { now: START + HOUR })).length, 2);
    await assertSound(place);
  });

  test("queue: retry makes messages due at once, their destinations too, once for each order", async () => {
    const place = await make();
    const store = await place.open();
    const [a, b, c] = [
      newMessage(),
      newMessage({ destination: "resting.test" }),
      newMessage({ destination: "resting.test" }),
    ];
    await insert(store, a, b, c);
    await settle(store, await leaseOne(store, { limit: 1 }), {
      next: { kind: "wait", dueAt: START + 5 * HOUR },
    });
    await rest(store, "resting.test", START + 3 * HOUR);
    assert.deepEqual(await lease(store, { now: START + HOUR }), []);
    const now = START + HOUR;
    assert.equal(await store.order({}, { kind: "retry" }, now, 1), 1);
    assert.equal((await listed(store, a.id))?.dueAt, now);
    assert.ok((await orderAll(store, {}, { kind: "retry" }, now)) >= 1);
    assert.equal(await store.nextDueAt(), START);
    const leased = await lease(store, { now });
    assert.equal(leased.length, 2, "the one that rested gets its probe");
    for (const one of leased)
      await settle(store, one, {
        next: { kind: "wait", dueAt: now + HOUR },
        changes: [changed(0, "deferred")],
      });
    await rest(store, "resting.test", now + HOUR, 2);
    assert.equal(
      await orderAll(store, { ids: ids(leased) }, { kind: "retry" }, now),
      0,
      "it was, and failed",
    );
    assert.equal(await orderAll(store, { ids: ids(leased) }, { kind: "retry" }, now + 1), 2);
    await assertSound(place);
  });

  test("queue: a message that is to be bounced or removed is, whatever its state and however its destination rests", async () => {
    const place = await make();
    const store = await place.open();
    const messages = ["queued", "held", "leased"].map((name) =>
      newMessage({ sender: name, destination: name }),
    );
    const start = async (): Promise<void> => {
      await insert(store, ...messages);
      await store.order({ sender: "held" }, hold, START, 9);
      await leaseOne(store, { perDestination: () => 1, inWork: new Map([["queued", 1]]) });
      await rest(store, "queued", START + HOUR);
    };
    await start();
    assert.equal(await orderAll(store, {}, { kind: "bounce" }, START + 1), 3);
    assert.equal(await orderAll(store, {}, { kind: "bounce" }, START + 1), 0);
    assert.deepEqual(
      (await store.list({}, 9)).map(({ sender, state, pendingOrder, dueAt }) => [
        sender,
        state,
        pendingOrder,
        dueAt,
      ]),
      [
        ["queued", "queued", "bounce", START + 1],
        ["held", "queued", "bounce", START + 1],
        ["leased", "leased", "bounce", START + MINUTE],
      ],
    );
    const bounced = await lease(store, { now: START + 1 });
    assert.deepEqual(bounced.map(({ sender, purpose }) => [sender, purpose]).sort(), [
      ["held", "bounce"],
      ["queued", "bounce"],
    ]);
    for (const one of bounced) await settle(store, one);
    await store.order({}, { kind: "remove" }, START, 9);
    await store.release(["here"], START);
    assert.equal((await store.counts()).oldestAt, null);

    await start();
    assert.equal(await orderAll(store, {}, { kind: "remove" }), 3);
    assert.deepEqual(
      (await store.list({}, 9)).map(({ sender, pendingOrder }) => [sender, pendingOrder]),
      [["leased", "remove"]],
    );
    await store.release(["here"], START);
    assert.equal((await store.counts()).oldestAt, null);
    await assertSound(place);
  });
}
