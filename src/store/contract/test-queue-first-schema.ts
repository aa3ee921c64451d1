import assert from "node:assert/strict";
import {
  assertSound,
  contentOf,
  insert,
  leaseOne,
  newMessage,
  type QueuePlace,
  START,
  settle,
} from "./test-queue-place.ts";

/** A message as programs before quarantine left it in their database. */
export const FIRST_SCHEMA_MESSAGE = `
  INSERT INTO message (id, state, destination, due_at, wake_at, lease, attempts, warned, size, enqueued_at, expires_at,
      sender, body, smtputf8, require_tls, quarantined)
    VALUES ('1', 'queued', 'dest.test', ${START}, ${START + 1}, 0, 0, 0, 1, ${START}, ${START + 2}, 's@x.test', '7bit', 0, 0, 1);
  INSERT INTO recipient (message, position, state, address) VALUES ('1', 0, 'pending', 'bob@dest.test');
  INSERT INTO content (id, holders, rest_octets, octets) VALUES ('1', 1, 0, OCTETS);
  INSERT INTO destination (name, due_at) VALUES ('dest.test', ${START});`;

export async function assertFirstSchemaMessage(place: QueuePlace): Promise<void> {
  const store = await place.open();
  assert.equal((await contentOf(store, "1"))?.length, 0);
  const leased = await leaseOne(store);
  assert.deepEqual([leased.id, leased.sender, leased.suspicious], ["1", "s@x.test", true]);
  await insert(store, newMessage());
  assert.equal(await settle(store, leased), "done");
  await assert.rejects(place.sql("INSERT INTO message SELECT * FROM message"), place.isRefusal);
  await assertSound(place);
}
