import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueChange, SeenKey, StoredMessage } from "../../queue/index.ts";
import { assertSound, ids, type MakeQueuePlace, newMessage, START, spooled } from "./test-queue-place.ts";

const SECOND = 1000;

/** What was queued once is not again (RPL-1, RPL-3). */
export function queueSeenContract(make: MakeQueuePlace): void {
  test("queue: what is remembered is told, and refuses what comes with it", async () => {
    const place = await make();
    const store = await place.open();
    const [first, second] = [newMessage(), newMessage()];
    assert.deepEqual(await store.seen([]), []);
    assert.deepEqual(await store.seen([key(1), key(2)]), [false, false]);
    assert.deepEqual(await store.commit([once([first], [key(1), key(2), key(1)])]), ["done"]);
    assert.deepEqual(await store.seen([key(1), key(3), key(2), key(1, 601)]), [true, false, true, false]);
    const file = await spooled(place.spool, 300_000);
    const large = newMessage({ content: { inline: new Uint8Array(), file } });
    assert.deepEqual(await store.commit([once([second, large], [key(3), key(2)])]), ["seen"]);
    assert.deepEqual(await store.seen([key(3)]), [false], "all of it happens or nothing");
    assert.deepEqual(
      await store.commit([once([large], [key(3)])]),
      ["done"],
      "its file is still the caller's",
    );
    assert.deepEqual(ids(await store.list({}, 9)), [first.id, large.id].sort());
    // Neither the message's end nor another of its kind makes it forgotten.
    await store.order({}, { kind: "remove" }, START, 9);
    assert.deepEqual(await store.commit([once([second], [key(1)])]), ["seen"]);
    await assertSound(place);
  });

  test("queue: changes of one commit are judged one after another", async () => {
    const place = await make();
    const store = await place.open();
    await store.commit([once([], [key(9)])]);
    const changes = [
      once([newMessage()], [key(9), key(1)]), // known, so that the next is the first with 1
      once([newMessage()], [key(1), key(2)]),
      once([newMessage()], [key(2), key(3)]), // 2 is known by now, so that the next is the first with 3
      once([newMessage()], [key(3)]),
      once([newMessage()], []),
    ];
    assert.deepEqual(await store.commit(changes), ["seen", "done", "seen", "done", "done"]);
    assert.deepEqual(await store.seen([1, 2, 3].map((n) => key(n))), [true, true, true]);
    assert.equal((await store.counts()).queued, 3);
    await assertSound(place);
  });

  test("queue: of several that come at a time with one key, one is taken", async () => {
    const place = await make();
    const stores = await Promise.all([place.open(), place.open(), place.open()]);
    for (let round = 0; round < 10; round++) {
      const keys = [key(round), key(round + 100)];
      const answers = await Promise.all(
        stores.map((store, n) => store.commit([once([newMessage()], n === 1 ? keys.toReversed() : keys)])),
      );
      assert.deepEqual(answers.flat().sort(), ["done", "seen", "seen"]);
    }
    assert.equal((await (stores[0] ?? assert.fail()).counts()).queued, 10);
    await assertSound(place);
  });

  test("queue: it is forgotten after its time, however much there is", async () => {
    const place = await make();
    const store = await place.open();
    const many = Array.from({ length: 2500 }, (_, n) => key(n, n % 3));
    await store.commit([once([], many), once([], [key(1, 3)])]);
    await store.tidy(START);
    assert.deepEqual(await store.seen([key(0, 0), key(1, 1)]), [true, true], "its last second is not over");
    await store.tidy(START + 3 * SECOND);
    assert.deepEqual(await store.seen([key(0, 0), key(1, 1), key(2, 2), key(1, 3)]), [
      false,
      false,
      false,
      true,
    ]);
    assert.deepEqual(await place.sql("SELECT count(*) AS n FROM seen").then(([row]) => Number(row?.n)), 1);
  });
}

function once(messages: readonly StoredMessage[], seen: readonly SeenKey[]): QueueChange {
  return { kind: "insert", messages, seen };
}

/** @param after seconds from START */
function key(n: number, after = 600): SeenKey {
  return { key: Buffer.alloc(32, `key ${n} `), until: START / SECOND + after };
}
