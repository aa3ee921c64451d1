import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueFilter, QueueOrder, QueueStore } from "../../queue/index.ts";
import {
  assertSound,
  contentOf,
  HOUR,
  ids,
  insert,
  lease,
  leaseOne,
  listed,
  type MakeQueuePlace,
  newMessage,
  newNote,
  newRecipient,
  only,
  type QueuePlace,
  START,
  settle,
  spooled,
} from "./test-queue-place.ts";

const DAY = 24 * HOUR;
const release: QueueOrder = { kind: "release" };
const history =
  "X-VSMTP-Quarantine: released 2026-12-15T06:26Z;\r\n kept since 2026-11-25T09:46Z;\r\n VSMTP/body;\r\n by policy\r\n";
const RELEASED = Date.parse("2026-12-15T06:26:30Z");

/** What is kept from its recipients until somebody lets it go (ACT-1). */
export function queueQuarantineContract(make: MakeQueuePlace): void {
  test("queue: what is in quarantine is never delivered, and shown only to those who ask for it", async () => {
    const { place, store } = await opened(make);
    const note = newNote();
    const kept = newMessage({ quarantine: note });
    const other = newMessage({ destination: "other.test" });
    await insert(store, kept, other);
    assert.equal((await leaseOne(store)).id, other.id);
    assert.deepEqual(await lease(store, { now: START + 200 * DAY, owner: "another" }).then(ids), [other.id]);
    await store.release(["another"], START);
    assert.deepEqual(ids(await store.list({}, 9)), [other.id]);
    assert.deepEqual(ids(await store.list({ ids: [kept.id, other.id] }, 9)), [other.id]);
    const shown = only(await store.list({ state: "quarantined" }, 9));
    assert.deepEqual(
      [shown.id, shown.state, shown.dueAt, shown.quarantine],
      [kept.id, "quarantined", null, note],
    );
    assert.equal((await listed(store, other.id))?.quarantine, null);
    const { queued, quarantined, octets, quarantinedOctets } = await store.counts();
    assert.deepEqual([queued, quarantined, octets, quarantinedOctets], [1, 1, 36, 36]);
    assert.equal(await store.quarantinedOctets(), 36);
    assert.deepEqual(
      (await store.destinations(9)).map(({ destination }) => destination),
      ["other.test"],
    );
    await settle(store, await leaseOne(store));
    assert.equal(await store.nextDueAt(), null);
    assert.equal((await store.counts()).oldestAt, null);
    await assertSound(place);
  });

  test("queue: orders for the queue pass by what is in quarantine, and it is never returned (ACT-2)", async () => {
    const { place, store } = await opened(make);
    const kept = newMessage({ quarantine: newNote() });
    await insert(store, kept);
    const orders: QueueOrder[] = [
      { kind: "retry" },
      { kind: "hold", because: "x" },
      release,
      { kind: "bounce" },
      { kind: "remove" },
    ];
    for (const order of orders) assert.equal(await store.order({}, order, START + 1, 9), 0, order.kind);
    for (const order of orders) assert.equal(await store.order({ ids: [kept.id] }, order, START + 1, 9), 0);
    for (const order of [orders[0], orders[1], orders[3]] as QueueOrder[])
      assert.equal(await store.order({ state: "quarantined" }, order, START + 1, 9), 0, order.kind);
    assert.equal(await store.order({ state: "quarantined" }, { kind: "remove" }, START, 9), 1);
    assert.deepEqual([(await store.counts()).quarantined, await store.quarantinedOctets()], [0, 0]);
    assert.equal(await store.content(kept.id), null);
    await assertSound(place);
  });

  test("queue: released mail is delivered as if it came now, and tells where it was", async () => {
    const { place, store } = await opened(make);
    const content = { inline: Buffer.from("Subject: x\r\n\r\nshared\r\n"), file: null };
    const file = await spooled(place.spool, 300_000);
    const messages = [
      newMessage({ quarantine: newNote(), prefix: Buffer.from("Received: one\r\n") }),
      newMessage({ quarantine: newNote(), content, prefix: Buffer.from("Received: two\r\n") }),
      newMessage({ quarantine: newNote(), content, prefix: new Uint8Array() }),
      newMessage({ quarantine: newNote(), content: { inline: Buffer.from("Subject: x\r\n\r\n"), file } }),
    ];
    await insert(store, ...messages);
    const before = await Promise.all(messages.map(({ id }) => contentOf(store, id)));
    assert.equal(await store.order({ state: "quarantined" }, release, RELEASED, 9), 4);
    assert.equal(await store.order({ state: "quarantined" }, release, RELEASED, 9), 0);
    assert.equal(await store.order({}, release, RELEASED, 9), 0);
    for (const [index, { id }] of messages.entries()) {
      const text = await contentOf(store, id);
      assert.deepEqual(text, Buffer.concat([Buffer.from(history), before[index] ?? assert.fail()]));
      const shown = await listed(store, id);
      assert.deepEqual([shown?.state, shown?.quarantine, shown?.size], ["queued", null, text?.length]);
      assert.deepEqual([shown?.dueAt, shown?.expiresAt], [RELEASED, RELEASED + 120 * HOUR]);
    }
    const leased = await lease(store, { now: RELEASED });
    assert.deepEqual(
      leased.map(({ purpose, enqueuedAt, suspicious, recipients }) => {
        return [purpose, enqueuedAt, suspicious, recipients.map(({ notify }) => notify)];
      }),
      messages.map(() => ["attempt", RELEASED, false, [["never"]]]),
    );
    assert.deepEqual(await store.expire(RELEASED + 365 * DAY, 9), []);
    for (const one of leased) assert.equal(await settle(store, one), "done");
    await assertSound(place);
  });

  test("queue: filters of quarantine", async () => {
    const { store } = await opened(make);
    const messages = [
      newMessage({ quarantine: newNote({ authors: ["eve@evil.test", "b_b@x.test"] }), sender: "" }),
      newMessage({ quarantine: newNote({ authors: [], result: "none", reason: "unsigned" }) }),
      newMessage({
        quarantine: newNote({ authors: ["steve@evil.test"] }),
        enqueuedAt: START - HOUR,
        recipients: [newRecipient("Bob@Other.test")],
        destination: "other.test",
      }),
    ];
    await insert(store, ...messages);
    const [first, second, third] = messages.map(({ id }) => id);
    for (const [filter, expected] of [
      [{}, [first, second, third]],
      [{ ids: [third as string] }, [third]],
      [{ author: "eve@evil.test" }, [first]],
      [{ author: "EVE@Evil.test" }, [first]],
      [{ author: "@evil.test" }, [first, third]],
      [{ author: "@il.test" }, []],
      [{ author: "bb@x.test" }, []],
      [{ author: "b%@x.test" }, []],
      [{ author: "b_b@x.test" }, [first]],
      [{ result: "none" }, [second]],
      [{ reason: "body" }, [first, third]],
      [{ reason: "body", destination: "other.test" }, [third]],
      [{ recipient: "bob@other.test" }, [third]],
      [{ sender: "<>" }, [first]],
      [{ before: START }, [third]],
    ] as const satisfies readonly (readonly [QueueFilter, unknown])[]) {
      const found = ids(await store.list({ ...filter, state: "quarantined" }, 9));
      assert.deepEqual(found, expected, JSON.stringify(filter));
      assert.deepEqual(await store.list(filter, 9), []);
    }
  });

  test("queue: what was not looked after in time goes, a few at a time", async () => {
    const { place, store } = await opened(make);
    const file = await spooled(place.spool, 300_000);
    const messages = [5, 1, 3, 2].map((days) =>
      newMessage({
        quarantine: newNote({ until: START + days * DAY }),
        recipients: [newRecipient("bob@dest.test"), newRecipient("eve@dest.test")],
        content: days === 1 ? { inline: new Uint8Array(), file } : newMessage().content,
      }),
    );
    await insert(store, ...messages);
    assert.deepEqual(await store.expire(START + DAY - 1, 9), []);
    const expired = [
      ...(await store.expire(START + 3 * DAY, 2)),
      ...(await store.expire(START + 3 * DAY, 2)),
    ];
    assert.deepEqual(ids(expired), [messages[1]?.id, messages[2]?.id, messages[3]?.id]);
    for (const { recipients } of expired) assert.deepEqual(recipients, ["bob@dest.test", "eve@dest.test"]);
    assert.deepEqual(await store.expire(START + 3 * DAY, 2), []);
    assert.deepEqual(ids(await store.list({ state: "quarantined" }, 9)), [messages[0]?.id]);
    await assertSound(place);
  });

  test("queue: whatever a header holds can be noted, and is cut where it is too long", async () => {
    const { store } = await opened(make);
    const text = `\0 \ud800 ${"ä".repeat(2000)}`;
    const kept = newMessage({
      quarantine: newNote({
        subject: text,
        from: text,
        identity: text,
        messageId: text,
        because: text,
        authors: Array.from({ length: 99 }, (_, n) => `${n}\0@x.test`),
        reason: null,
        kid: null,
      }),
    });
    await insert(store, kept);
    const { quarantine } = only(await store.list({ state: "quarantined" }, 9));
    assert.equal(quarantine?.subject, `\u{fffd} \u{fffd} ${"ä".repeat(496)}`);
    assert.equal(quarantine?.authors.length, 20);
    assert.deepEqual([quarantine?.reason, quarantine?.kid], [null, null]);
  });
}

async function opened(make: MakeQueuePlace): Promise<{ place: QueuePlace; store: QueueStore }> {
  const place = await make();
  return { place, store: await place.open() };
}
