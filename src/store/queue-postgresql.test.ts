import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type QueueStore, QueueStoreError } from "../queue/index.ts";
import { Spool } from "../spool/index.ts";
import { AUDIT_KEY, domainRecord, done, entry } from "./contract/test-place.ts";
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
  ids,
  insert,
  lease,
  leaseOne,
  listed,
  newMessage,
  only,
  type QueuePlace,
  START,
  settle,
  spooled,
} from "./contract/test-queue-place.ts";
import { queueQuarantineContract } from "./contract/test-queue-quarantine.ts";
import { queueRandomContract } from "./contract/test-queue-random.ts";
import { queueSeenContract } from "./contract/test-queue-seen.ts";
import { queueSharingContract } from "./contract/test-queue-sharing.ts";
import { openKeyringStore, openQueueStore } from "./index.ts";
import { QUEUE_SCHEMA } from "./postgresql/migrate.ts";
import { PostgresqlQueueDriver } from "./postgresql/postgresql-queue-driver.ts";
import { ChunkedContents } from "./queue/chunked-contents.ts";
import { queueMigrations } from "./queue/schema.ts";
import { FaultyProxy } from "./test-faulty-proxy.ts";
import { TestPostgresql } from "./test-postgresql.ts";

const server = await TestPostgresql.start();
if (typeof server === "string") test("the queue on PostgreSQL", { skip: server }, () => {});
else tryPostgresql(server);

function tryPostgresql(postgresql: TestPostgresql): void {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-queue-"));
  const made: QueuePlace[] = [];
  after(async () => {
    for (const place of made) await place.close();
    await postgresql.stop();
    rmSync(folder, { recursive: true });
  });

  async function makePlace(): Promise<QueuePlace> {
    const location = await postgresql.makeDatabase();
    const spoolFolder = join(folder, `${made.length}`);
    const spool = await Spool.open(spoolFolder, { memoryOctets: 1 << 10 });
    const opened: QueueStore[] = [];
    const place: QueuePlace = {
      location,
      spoolFolder,
      spool,
      open: async () => {
        const store = await openQueueStore(location, spool);
        opened.push(store);
        return store;
      },
      close: async () => {
        for (const store of opened.splice(0)) await store.close();
      },
      sql: async (text) => (await postgresql.sql(location, text)).rows,
      // Class 23: integrity constraint violation.
      isRefusal: (error) => (error as { code?: string }).code?.startsWith("23") === true,
    };
    made.push(place);
    return place;
  }

  queueMessageContract(makePlace);
  queueLargeContract(makePlace);
  queueLeaseContract(makePlace);
  queueOrderContract(makePlace);
  queuePendingOrderContract(makePlace);
  queueQuarantineContract(makePlace);
  queueSeenContract(makePlace);
  queueRandomContract(makePlace, 12);
  queueSharingContract(makePlace, 4);
  queueCostContract(async () => {
    const { location, spool } = await makePlace();
    const driver = await PostgresqlQueueDriver.open(location);
    return { driver, large: new ChunkedContents(spool, driver) };
  });

  test("in all that there was no deadlock", async () => {
    const url = postgresql.url("postgres");
    // What a connection did is counted when it ends.
    for (const place of made) await place.close();
    const { rows } = await postgresql.sql(url, "SELECT sum(deadlocks) AS deadlocks FROM pg_stat_database");
    const told = postgresql.log.filter((message) => message.includes("deadlock"));
    assert.equal(Number(only(rows).deadlocks), 0, told.join("\n"));
  });

  test("a queue of the first schema has what it had", async () => {
    const place = await makePlace();
    await place.sql(`${queueMigrations[0]?.(QUEUE_SCHEMA.dialect)}
      CREATE TABLE queue_schema_version (version BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL);
      INSERT INTO queue_schema_version VALUES (1, now());
      ${FIRST_SCHEMA_MESSAGE.replace("OCTETS", "''")}`);
    await assertFirstSchemaMessage(place);
  });

  test("keyring and queue may be in one database, and a newer schema is refused", async () => {
    const place = await makePlace();
    const { location } = place;
    const [queue, keyring] = await Promise.all([
      place.open(),
      openKeyringStore({ location, auditKey: AUDIT_KEY }),
    ]);
    await done(keyring.addDomain(domainRecord("someisp.test"), entry()));
    await insert(queue, newMessage());
    await keyring.close();
    await place.sql("INSERT INTO queue_schema_version VALUES (99, now())");
    await assert.rejects(place.open(), { name: "StoreMismatchError", message: /newer vsmtp/ });
  });

  test("another's lock that lasts too long is busy, and nothing is half done", async () => {
    const place = await makePlace();
    const store = await place.open();
    const message = newMessage();
    await insert(store, message, newMessage({ destination: "other.test" }));
    const leased = await leaseOne(store, { limit: 1 });
    const other = new pg.Client({ connectionString: place.location });
    await other.connect();
    await other.query("BEGIN; SELECT FROM message FOR UPDATE");
    assert.deepEqual(await lease(store), [], "what others have is left out");
    const file = await spooled(place.spool, 300_000);
    const reports = [newMessage({ content: { inline: new Uint8Array(), file } })];
    await assert.rejects(settle(store, leased, { reports }), { name: "QueueStoreError", kind: "busy" });
    assert.equal((await store.counts()).leased, 1, "reading goes on");
    await other.query("ROLLBACK");
    await other.end();
    assert.equal(await settle(store, leased, { reports }), "done");
    assert.deepEqual(readdirSync(place.spoolFolder), []);
    await assertSound(place);
  });

  test("what the database undid for others' sake is tried once more", async () => {
    const place = await makePlace();
    const store = await place.open();
    await place.sql("CREATE SEQUENCE conflicts");
    await place.sql(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('conflicts') IN (1, 3, 4) THEN RAISE EXCEPTION 'x' USING ERRCODE = 'deadlock_detected'; END IF;
      RETURN NEW; END $$`);
    await place.sql("CREATE TRIGGER conflict BEFORE INSERT ON message EXECUTE FUNCTION conflict()");
    const file = await spooled(place.spool, 300_000);
    const message = newMessage({ content: { inline: new Uint8Array(), file } });
    await insert(store, message);
    await assert.rejects(insert(store, newMessage()), { name: "QueueStoreError", kind: "busy" });
    await insert(store, newMessage());
    assert.equal((await store.counts()).queued, 2);
    assert.equal((await contentOf(store, message.id))?.length, 16 + 300_000);
    await assertSound(place);
  });

  test("a connection that ends at the commit leaves open what became of it, and says so", async () => {
    const place = await makePlace();
    const direct = await place.open();
    const proxy = await FaultyProxy.start(postgresql.port);
    const location = place.location.replace(`:${postgresql.port}/`, `:${proxy.port}/`);
    const store = await openQueueStore(location, place.spool);
    await insert(direct, newMessage());
    const leased = await leaseOne(direct);
    const unknown = { name: "QueueStoreError", kind: "busy", message: /not known/ };
    try {
      for (const delivered of [false, true]) {
        proxy.cutAt("COMMIT", delivered);
        const message = newMessage();
        await assert.rejects(insert(store, message), unknown);
        const isThere = async () => (await listed(direct, message.id)) !== null;
        // The server may carry out what it got a little later.
        for (let left = 500; delivered && left > 0 && !(await isThere()); left--) await sleep(10);
        assert.equal(await isThere(), delivered);
        proxy.cutAt("COMMIT", delivered);
        await assert.rejects(settle(store, leased), unknown);
        assert.equal(await settle(store, leased), delivered ? "lease-lost" : "done");
        if (delivered) continue;
        await insert(direct, { ...newMessage(), id: leased.id, lease: { owner: "here", until: START } });
      }
    } finally {
      await store.close();
      proxy.stop();
    }
    await assertSound(place);
  });

  test("a server that dies is busy, and is used again once it is back", async () => {
    const place = await makePlace();
    const store = await place.open();
    const first = newMessage();
    await insert(store, first);
    const leased = await leaseOne(store);
    const acknowledged: string[] = [];
    const busy = { name: "QueueStoreError", kind: "busy" };
    const onlyBusy = (error: unknown): void => {
      assert.ok(error instanceof QueueStoreError && error.kind === "busy", String(error));
    };
    const large = await spooled(place.spool, 5 << 20);
    const underWay = Array.from({ length: 50 }, async (_, n) => {
      const file = n === 25 ? large : null;
      const messages = [newMessage({ content: { inline: Buffer.from("x"), file } }), newMessage()];
      await insert(store, ...messages).then(() => acknowledged.push(...ids(messages)), onlyBusy);
      await lease(store, { owner: `owner ${n}`, limit: 1 }).catch(onlyBusy);
    });
    await store.counts();
    await postgresql.kill();
    await Promise.all(underWay);
    await assert.rejects(settle(store, leased), busy);
    await assert.rejects(lease(store), busy);
    await assert.rejects(store.nextDueAt(), busy);
    await assert.rejects(store.tidy(START), busy);
    await assert.rejects(place.open(), busy);
    await postgresql.startAgain();
    assert.equal(await settle(store, leased), "done");
    const present = new Set(ids(await store.list({}, 1000)));
    assert.ok(
      acknowledged.every((id) => present.has(id)),
      "whatever was acknowledged is there",
    );
    assert.equal(present.size % 2, 0, "and nothing is half done");
    await assertSound(place);
    await assert.rejects(openQueueStore(postgresql.url("nowhere"), place.spool), {
      name: "QueueStoreError",
      kind: "broken",
    });
  });
}
