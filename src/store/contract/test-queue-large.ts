import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { MessageContent } from "../../queue/index.ts";
import type { SpoolFile } from "../../spool/index.ts";
import {
  assertSound,
  contentOf,
  HOUR,
  insert,
  lease,
  listed,
  type MakeQueuePlace,
  newMessage,
  only,
  START,
  settle,
  spooled,
} from "./test-queue-place.ts";

/** Messages whose octets are in files of the spool folder, or come from there. */
export function queueLargeContract(make: MakeQueuePlace): void {
  test("queue: large messages go through files of the spool folder, which are gone when the messages are", async () => {
    const place = await make();
    const store = await place.open();
    const files = () => readdir(place.spoolFolder);
    const file = await spooled(place.spool, 5 << 20);
    const whole = await collected(file.read());
    const content = { inline: Buffer.from("Subject: large\r\n\r\n"), file };
    const copies = [newMessage({ content }), newMessage({ content, prefix: Buffer.from("other ") })];
    const aloneFile = await spooled(place.spool, (256 << 10) + 1);
    const alone = newMessage({ content: { inline: new Uint8Array(), file: aloneFile } });
    await insert(store, ...copies, alone);
    const sizes = [copies[0], copies[1], alone].map(
      async (one) => (await listed(store, one?.id ?? ""))?.size,
    );
    assert.deepEqual(await Promise.all(sizes), [
      16 + 18 + (5 << 20),
      6 + 18 + (5 << 20),
      16 + (256 << 10) + 1,
    ]);
    const [first, second, third] = await lease(store);
    assert.ok(first && second && third);
    for (const [{ id }, prefix] of [
      [first, "Received: here\r\n"],
      [second, "other "],
    ] as const) {
      const octets = await contentOf(store, id);
      assert.ok(octets?.equals(Buffer.concat([Buffer.from(`${prefix}Subject: large\r\n\r\n`), whole])));
    }
    const reading = (await store.content(third.id)) ?? assert.fail();
    const pieces = reading.rest()[Symbol.asyncIterator]();
    assert.equal((await pieces.next()).done, false);
    await pieces.return?.();
    await settle(store, first);
    assert.ok((await contentOf(store, second.id))?.subarray(-whole.length).equals(whole));
    await settle(store, second);
    await store.order({}, { kind: "remove" }, START, 9);
    assert.equal((await store.counts()).leased, 1, "it is removed when its lease ends");
    await store.release(["here"], START);
    assert.deepEqual(await files(), []);
    assert.deepEqual(await place.sql("SELECT * FROM content"), []);
    await assert.rejects(collected(reading.rest()), { name: "QueueStoreError", kind: "broken" });
  });

  test("queue: a file stays its owner's where the queue does not take the message, and is swept when nobody comes", async () => {
    const place = await make();
    const store = await place.open();
    const message = newMessage();
    await insert(store, message);
    const file = await spooled(place.spool, 300_000);
    // The id is taken: nothing of the commit happens.
    await assert.rejects(
      insert(store, newMessage(), newMessage({ id: message.id, content: withFile(file) })),
    );
    assert.equal((await store.counts()).queued, 1);
    assert.equal((await collected(file.read())).length, 300_000);
    // Nor is a report queued whose settlement came too late.
    const late = { reports: [newMessage({ content: withFile(file) })] };
    assert.equal(await settle(store, { id: message.id, lease: 7 }, late), "lease-lost");
    assert.equal((await collected(file.read())).length, 300_000);
    await insert(store, newMessage({ content: withFile(file) }));
    const [abandoned, fresh] = [randomUUID(), randomUUID()];
    for (const name of [abandoned, fresh]) await writeFile(join(place.spoolFolder, name), "x");
    for (const name of await readdir(place.spoolFolder)) {
      const old = new Date(Date.now() - 3 * HOUR);
      if (name !== fresh) await utimes(join(place.spoolFolder, name), old, old);
    }
    await store.tidy(START);
    const left = await readdir(place.spoolFolder);
    assert.ok(left.includes(fresh) && !left.includes(abandoned));
    const large = only((await store.list({}, 9)).filter(({ size }) => size > 300_000));
    assert.equal((await contentOf(store, large.id))?.length, large.size);
    await assertSound(place);
  });
}

function withFile(file: SpoolFile): MessageContent {
  return { inline: new Uint8Array(), file };
}

async function collected(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of octets) pieces.push(piece);
  return Buffer.concat(pieces);
}
