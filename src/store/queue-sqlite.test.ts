import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { QueueStore } from "../queue/index.ts";
import { queueCostContract } from "./contract/test-queue-cost.ts";
import { assertFirstSchemaMessage, FIRST_SCHEMA_MESSAGE } from "./contract/test-queue-first-schema.ts";
import { queueLargeContract } from "./contract/test-queue-large.ts";
import { queueLeaseContract } from "./contract/test-queue-leases.ts";
import { queueMessageContract } from "./contract/test-queue-messages.ts";
import { queueOrderContract } from "./contract/test-queue-orders.ts";
import { queuePendingOrderContract } from "./contract/test-queue-pending-orders.ts";
import {
  assertSound,
  contentOf,
  elsewhere,
  insert,
  lease,
  leaseOne,
  MINUTE,
  newMessage,
  newNote,
  START,
  settle,
  settlement,
  spooled,
} from "./contract/test-queue-place.ts";
import { queueQuarantineContract } from "./contract/test-queue-quarantine.ts";
import { queueRandomContract } from "./contract/test-queue-random.ts";
import { queueSeenContract } from "./contract/test-queue-seen.ts";
import { queueSharingContract } from "./contract/test-queue-sharing.ts";
import { SqliteQueuePlaces } from "./contract/test-queue-sqlite-place.ts";
import { openQueueStore, queueLocation } from "./index.ts";
import { queueMigrations } from "./queue/schema.ts";
import { SpooledContents } from "./queue/spooled-contents.ts";
import { sqliteDialect } from "./sqlite/dialect.ts";
import { SqliteQueueDriver } from "./sqlite/sqlite-queue-driver.ts";

const places = new SqliteQueuePlaces();
const { folder } = places;
const makePlace = () => places.make();

queueMessageContract(makePlace);
queueLargeContract(makePlace);
queueLeaseContract(makePlace);
queueOrderContract(makePlace);
queuePendingOrderContract(makePlace);
queueQuarantineContract(makePlace);
queueSeenContract(makePlace);
queueRandomContract(makePlace, 60);
queueSharingContract(makePlace, 2);
queueCostContract(async () => {
  const { location, spool } = await makePlace();
  const driver = new SqliteQueueDriver(location, {});
  return { driver, large: new SpooledContents(spool, driver) };
});

test("queue files: private modes, no mix-ups; older kinds and newer schemas are refused", async () => {
  const place = await places.make(join(folder, "deep", "er", "queue.sqlite"));
  await elsewhere(place, "await insert(store, newMessage());");
  const store = await place.open();
  await insert(store, newMessage());
  for (const file of readdirSync(join(folder, "deep", "er"))) {
    const { mode } = statSync(join(folder, "deep", "er", file));
    assert.equal(mode & 0o777, file.endsWith("-spool") ? 0o700 : 0o600, file);
  }
  const old = join(folder, "old.sqlite");
  const db = new DatabaseSync(old);
  db.exec("PRAGMA application_id = 0x56534d51; CREATE TABLE message (id TEXT)");
  db.close();
  await assert.rejects(openQueueStore(old, place.spool), {
    name: "StoreMismatchError",
    message: /another kind/,
  });
  const newer = new DatabaseSync(place.location);
  newer.exec("INSERT INTO schema_version (version, applied_at) VALUES (99, '')");
  newer.close();
  await assert.rejects(place.open(), { name: "StoreMismatchError", message: /newer vsmtp/ });
});

test("a queue of the first schema has what it had", async () => {
  const place = await makePlace();
  const db = new DatabaseSync(place.location);
  db.exec(`${queueMigrations[0]?.(sqliteDialect)};
    CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;
    INSERT INTO schema_version VALUES (1, '');
    PRAGMA application_id = 0x56534d55`);
  db.exec(FIRST_SCHEMA_MESSAGE.replace("OCTETS", "x''"));
  db.close();
  await assertFirstSchemaMessage(place);
});

test("a locked queue is busy, and nothing is half done; looking for work goes on", async () => {
  const place = await makePlace();
  const store = await place.open({ busyTimeoutMs: 10 });
  await insert(store, newMessage());
  const leased = await leaseOne(store);
  const other = new DatabaseSync(place.location);
  other.exec("BEGIN IMMEDIATE");
  const busy = { name: "QueueStoreError", kind: "busy" };
  await assert.rejects(insert(store, newMessage()), busy);
  await assert.rejects(settle(store, leased), busy);
  assert.deepEqual(await lease(store), []);
  assert.equal((await store.counts()).leased, 1);
  other.exec("ROLLBACK");
  other.close();
  assert.equal(await settle(store, leased), "done");
  assert.equal((await store.counts()).oldestAt, null);
});

test("a full queue is full, stays usable, and takes mail again when there is room", async () => {
  const place = await makePlace();
  const store = await place.open({ maxOctets: 400_000 });
  const full = { name: "QueueStoreError", kind: "full" };
  const big = () => newMessage({ content: { inline: Buffer.alloc(50_000, "x"), file: null } });
  let taken = 0;
  await assert.rejects(async () => {
    for (; ; taken++) await insert(store, big());
  }, full);
  assert.ok(taken >= 4, `${taken} taken`);
  const several = Array.from({ length: 12 }, () => newMessage());
  await assert.rejects(insert(store, ...several, big()), full);
  assert.equal((await store.counts()).queued, taken, "all or none");
  const leased = await lease(store);
  assert.equal(leased.length, taken);
  // What frees space succeeds, with what is queued in its place.
  const [first, ...others] = leased;
  assert.equal(await settle(store, first ?? assert.fail(), { reports: [newMessage()] }), "done");
  await store.commit(others.map((one) => ({ kind: "settle", settlement: settlement(one) })));
  await insert(store, big(), big());
  assert.equal((await store.counts()).queued, 3);
  await assertSound(place);
});

test("a broken file is broken", async () => {
  const place = await makePlace();
  const store = await place.open();
  const inline = Buffer.alloc(200_000, "x");
  await insert(store, newMessage({ content: { inline, file: null } }));
  await place.close();
  const text = readFileSync(place.location);
  text.fill(0x55, 4096, 60_000);
  const broken = join(folder, "broken.sqlite");
  writeFileSync(broken, text);
  const error = { name: "QueueStoreError", kind: "broken" };
  await assert.rejects(async () => insert(await openQueueStore(broken, place.spool), newMessage()), error);
});

test("what could not be synced was not taken, and what was settled is", async () => {
  const place = await makePlace();
  const log = `${place.location}-wal`;
  /** From the next opening on syncs fail: SQLite has the log open, and what looks like it cannot be synced. */
  const breakSyncs = (): void => {
    renameSync(log, `${log}.hidden`);
    symlinkSync("/dev/null", log);
  };
  const reopen = async (): Promise<QueueStore> => {
    renameSync(`${log}.hidden`, log);
    await place.close();
    return place.open();
  };
  const error = { name: "QueueStoreError", kind: "broken" };
  const file = await spooled(place.spool, 300_000);
  const large = newMessage({ content: { inline: new Uint8Array(), file } });
  let store = await place.open();
  breakSyncs();
  const direct = newMessage({ lease: { owner: "here", until: START + MINUTE } });
  const seen = [{ key: Buffer.alloc(32), until: START / 1000 }];
  const kept = newMessage({ quarantine: newNote() });
  const messages = [large, newMessage(), direct, kept];
  await assert.rejects(store.commit([{ kind: "insert", messages, seen }]), error);
  assert.deepEqual(await store.seen(seen), [false], "it would be taken for a repeat, and be lost");
  assert.equal((await store.counts()).oldestAt, null);
  store = await reopen();
  assert.deepEqual(
    [(await store.counts()).oldestAt, (await store.counts()).quarantined, await store.seen(seen)],
    [null, 0, [false]],
  );
  assert.equal(readdirSync(place.spoolFolder).length, 1, "the file is its owner's still");
  await insert(store, large);
  const leased = await leaseOne(store);

  await place.close();
  store = await place.open();
  await store.renew("here", START + MINUTE);
  breakSyncs();
  const reports = [newMessage({ sender: "told" })];
  await assert.rejects(settle(store, leased, { reports }), error);
  store = await reopen();
  assert.equal(await settle(store, leased, { reports }), "lease-lost", "it is there, though nobody knew");
  assert.deepEqual(
    (await store.list({}, 9)).map(({ sender }) => sender),
    ["told"],
  );
  assert.equal(await contentOf(store, large.id), null);
  assert.equal(readdirSync(place.spoolFolder).length, 1, "a machine that crashed then might have it still");
  await assertSound(place);
});

test("the queue's URL comes from a systemd credential or the environment, and is not shown when it is wrong", async () => {
  const url = "postgresql://vsmtp:s3cret@db.test/vsmtp";
  const environment = { CREDENTIALS_DIRECTORY: folder, QUEUE_URL: `${url}\n`, WRONG: "mysql://s3cret" };
  writeFileSync(join(folder, "queue-url"), url);
  const find = (kind: "credential" | "variable", name: string) => queueLocation({ kind, name }, environment);
  assert.equal(await find("credential", "queue-url"), url);
  assert.equal(await find("variable", "QUEUE_URL"), url);
  assert.equal(await queueLocation({ kind: "file", path: "/q.db" }), "/q.db");
  const broken = { name: "QueueStoreError", kind: "broken" };
  await assert.rejects(find("variable", "NOTHING"), {
    ...broken,
    message: /NOTHING is not there, which queue/,
  });
  await assert.rejects(find("variable", "WRONG"), (error: Error) => !error.message.includes("s3cret"));
});
