import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Notify } from "../../queue/index.ts";
import {
  assertSound,
  changed,
  contentOf,
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
  START,
  settle,
  settlement,
} from "./test-queue-place.ts";

/** What goes in comes out, and what becomes of messages and recipients by settlements. */
export function queueMessageContract(make: MakeQueuePlace): void {
  test("queue: a message comes out as it went in, and leaves nothing behind", async () => {
    const place = await make();
    const store = await place.open();
    const texts = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => text.replaceAll("\0", ""));
    const orNull = (text: fc.Arbitrary<string>) => fc.option(text, { nil: null });
    const notify = fc.oneof(
      fc.constant<Notify[]>(["never"]),
      fc.subarray<Notify>(["success", "failure", "delay"], { minLength: 1 }),
    );
    const message = fc.record({
      sender: texts,
      recipients: fc.array(
        fc.record({
          address: texts,
          notify: fc.option(notify, { nil: null }),
          originalRecipient: orNull(texts),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      prefix: fc.uint8Array({ maxLength: 300 }),
      inline: fc.uint8Array({ maxLength: 9000 }),
      body: fc.constantFrom("7bit" as const, "8bitmime" as const),
      smtputf8: fc.boolean(),
      requireTls: fc.boolean(),
      envelopeId: orNull(texts),
      returned: fc.constantFrom("full" as const, "headers" as const, null),
      account: orNull(texts),
      kids: fc.array(texts, { maxLength: 3 }),
      suspicious: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), async (made) => {
        const messages = made.map(({ inline, ...rest }) =>
          newMessage({ ...rest, content: { inline, file: null } }),
        );
        await insert(store, ...messages);
        const leased = await lease(store);
        assert.deepEqual(ids(leased), ids(messages));
        for (const { prefix, content, recipients, wakeAt, lease: _, ...rest } of messages) {
          const { lease: number, ...found } = only(leased.filter(({ id }) => id === rest.id));
          assert.equal(number, 1);
          assert.deepEqual(found, {
            ...rest,
            recipients: recipients.map((recipient, index) => ({
              ...recipient,
              index,
              state: "pending",
              detail: null,
            })),
            size: prefix.length + content.inline.length,
            warned: false,
            purpose: "attempt",
            destinationFailure: null,
            destinationFailures: 0,
            attempts: 0,
          });
          assert.deepEqual(await contentOf(store, rest.id), Buffer.concat([prefix, content.inline]));
        }
        await store.commit(leased.map((one) => ({ kind: "settle" as const, settlement: settlement(one) })));
        assert.equal(await store.content(messages[0]?.id ?? ""), null);
      }),
      { numRuns: 20 },
    );
    for (const table of ["message", "recipient", "content"])
      assert.deepEqual(await place.sql(`SELECT * FROM ${table}`), []);
  });

  test("queue: copies share one content, which goes with the last of them", async () => {
    const place = await make();
    const store = await place.open();
    const content = { inline: Buffer.from("shared"), file: null };
    const copies = [
      newMessage({ content, prefix: Buffer.from("one ") }),
      newMessage({ content, prefix: new Uint8Array() }),
      newMessage({ content, prefix: Buffer.from("three ") }),
    ];
    const other = newMessage({ content: { inline: Buffer.from("shared"), file: null } });
    await insert(store, ...copies, other);
    const texts = async () => {
      const found = await Promise.all(copies.map(({ id }) => contentOf(store, id)));
      return found.map((octets) => octets?.toString() ?? null);
    };
    assert.deepEqual(await texts(), ["one shared", "shared", "three shared"]);
    assert.equal((await listed(store, copies[0]?.id ?? ""))?.size, 10);
    const leased = await lease(store);
    const [first, second, third] = copies.map(({ id }) => only(leased.filter((one) => one.id === id)));
    assert.ok(first && second && third);
    await settle(store, first);
    await settle(store, second);
    assert.deepEqual(await texts(), [null, null, "three shared"]);
    await assertSound(place);
    await store.order({ ids: [other.id] }, { kind: "remove" }, START, 9);
    await settle(store, third);
    assert.deepEqual(await place.sql("SELECT id FROM content WHERE id LIKE '%+'"), []);
  });

  test("queue: recipients go their own ways, and the message waits, is held or goes", async () => {
    const place = await make();
    const store = await place.open();
    const to = ["a", "b", "c", "d", "e"].map((name) => newRecipient(`${name}@dest.test`));
    const message = newMessage({ recipients: to });
    await insert(store, message);
    const first = await leaseOne(store);
    const changes = [
      changed(0, "delivered"),
      changed(1, "failed", "550 no \0 such user"),
      changed(2, "deferred"),
      changed(3, "deferred", "deferred 2"),
    ];
    const next = { kind: "wait", dueAt: START + HOUR } as const;
    const wakeAt = START + 5 * HOUR;
    assert.equal(await settle(store, first, { changes, next, wakeAt, warned: true }), "done");
    const waiting = (await listed(store, message.id)) ?? assert.fail();
    assert.deepEqual(
      waiting.recipients.map(({ state, detail }) => [state, detail]),
      [
        ["delivered", "delivered 0"],
        ["failed", "550 no \u{fffd} such user"],
        ["deferred", "deferred 2"],
        ["deferred", "deferred 2"],
        ["pending", null],
      ],
    );
    const { state, attempts, warned, dueAt } = waiting;
    assert.deepEqual(
      { state, attempts, warned, dueAt },
      { state: "queued", attempts: 1, warned: true, dueAt: START + HOUR },
    );
    assert.equal((await store.counts()).deferredRecipients, 2);
    assert.deepEqual(await lease(store, { now: START + HOUR - 1 }), []);
    const second = await leaseOne(store, { now: START + HOUR });
    assert.deepEqual(
      second.recipients.map(({ index, state, detail }) => [index, state, detail]),
      [
        [2, "deferred", "deferred 2"],
        [3, "deferred", "deferred 2"],
        [4, "pending", null],
      ],
    );
    assert.deepEqual([second.lease, second.attempts, second.warned], [2, 1, true]);
    const hold = { kind: "hold", because: "its account is suspended" } as const;
    assert.equal(await settle(store, second, { next: hold, attempted: false }), "done");
    const held = (await listed(store, message.id)) ?? assert.fail();
    assert.deepEqual(
      [held.state, held.heldBecause, held.dueAt, held.attempts, held.warned],
      ["held", "its account is suspended", null, 1, true],
    );
    assert.equal(await store.nextDueAt(), null);
    assert.deepEqual(await lease(store, { now: START + 999 * HOUR }), []);
    assert.equal(await orderAll(store, {}, { kind: "release" }, START + 6 * HOUR), 1);
    const third = await leaseOne(store, { now: START + 6 * HOUR });
    assert.equal(await settle(store, third), "done");
    assert.equal(await listed(store, message.id), null);
    await assertSound(place);
  });

  test("queue: only the last lease of a message settles it, once", async () => {
    const place = await make();
    const store = await place.open();
    const [a, b] = [newMessage(), newMessage()];
    await insert(store, a, b);
    const [first, other] = await lease(store);
    assert.ok(first && other);
    assert.equal(await settle(store, first, { owner: "there" }), "lease-lost");
    assert.equal(await settle(store, { ...first, lease: 2 }), "lease-lost");
    assert.equal(await settle(store, { ...first, id: "nothing" }), "lease-lost");
    await store.release(["here"], START);
    assert.equal(await settle(store, first), "lease-lost", "it was given back");
    const again = only((await lease(store)).filter(({ id }) => id === first.id));
    assert.equal(again.lease, 2);
    const report = (sender: string) => newMessage({ sender, destination: "someisp.test" });
    const answers = await store.commit([
      { kind: "settle", settlement: settlement(first, { reports: [report("too late")] }) },
      { kind: "insert", messages: [newMessage({ sender: "new@someisp.test" })] },
      { kind: "settle", settlement: settlement(again, { reports: [report("told"), report("told twice")] }) },
      { kind: "settle", settlement: settlement(again, { reports: [report("told again")] }) },
      {
        kind: "destination",
        change: { destination: "dest.test", restsUntil: START + 1, failures: 2, failure: "down" },
      },
    ]);
    assert.deepEqual(answers, ["lease-lost", "done", "done", "lease-lost", "done"]);
    const queued = await store.list({ state: "queued" }, 9);
    assert.deepEqual(queued.map(({ sender }) => sender).sort(), ["new@someisp.test", "told", "told twice"]);
    assert.equal(only((await store.destinations(9)).filter(({ failures }) => failures > 0)).failure, "down");
    await assertSound(place);
  });

  test("queue: a message may come with its lease, as it is handed over", async () => {
    const place = await make();
    const store = await place.open();
    const direct = newMessage({ lease: { owner: "here", until: START + MINUTE } });
    await insert(store, direct);
    assert.deepEqual(await store.owners(), ["here"]);
    assert.deepEqual(await lease(store, { owner: "there" }), []);
    assert.equal(await store.nextDueAt(), START + MINUTE);
    assert.deepEqual(await place.sql("SELECT * FROM destination"), [], "nothing waits there");
    assert.equal(await settle(store, { id: direct.id, lease: 1 }), "done");
    assert.deepEqual(await store.owners(), []);
    assert.equal(await store.nextDueAt(), null);
    await assertSound(place);
  });

  test("queue: what no transition does the database refuses, whoever asks", async () => {
    const place = await make();
    const store = await place.open();
    await insert(
      store,
      newMessage({ recipients: ["a", "b", "c"].map((name) => newRecipient(`${name}@d.test`)) }),
    );
    const leased = await leaseOne(store);
    const next = { kind: "wait", dueAt: START } as const;
    const changes = [changed(0, "delivered"), changed(1, "failed"), changed(2, "deferred")];
    await settle(store, leased, { changes, next });
    for (const [position, state] of [
      [0, "deferred"],
      [0, "failed"],
      [1, "delivered"],
      [1, "pending"],
      [2, "pending"],
      [2, "unknown"],
    ]) {
      const sql = `UPDATE recipient SET state = '${state}' WHERE position = ${position}`;
      await assert.rejects(place.sql(sql), (error) => place.isRefusal(error), sql);
    }
    for (const sql of [
      "UPDATE message SET state = 'leased'",
      "UPDATE message SET lease_owner = 'x'",
      "UPDATE message SET state = 'held'",
      "UPDATE message SET wake_at = NULL",
      "UPDATE content SET holders = -1",
    ])
      await assert.rejects(place.sql(sql), (error) => place.isRefusal(error), sql);
    // A settlement that wants such a thing is a bug, and does nothing.
    const again = await leaseOne(store);
    await assert.rejects(settle(store, again, { changes: [changed(0, "failed")], next }));
    assert.equal((await listed(store, again.id))?.state, "leased");
  });
}
