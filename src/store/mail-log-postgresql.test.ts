import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { MailLogStore } from "../mail-log/index.ts";
import { delivered, received } from "../mail-log/test-entries.ts";
import { Spool } from "../spool/index.ts";
import { type LogPlace, mailLogContract, START } from "./contract/test-mail-log.ts";
import { mailLogRandomContract } from "./contract/test-mail-log-random.ts";
import { openMailLogStore, openQueueStore } from "./index.ts";
import { FaultyProxy } from "./test-faulty-proxy.ts";
import { TestPostgresql } from "./test-postgresql.ts";

const server = await TestPostgresql.start();
if (typeof server === "string") test("the mail log on PostgreSQL", { skip: server }, () => {});
else tryPostgresql(server);

function tryPostgresql(postgresql: TestPostgresql): void {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-log-"));
  const opened: MailLogStore[] = [];
  after(async () => {
    for (const store of opened) await store.close();
    await postgresql.stop();
    rmSync(folder, { recursive: true });
  });

  async function open(location: string): Promise<MailLogStore> {
    const store = await openMailLogStore(location);
    opened.push(store);
    return store;
  }

  const makePlace = async (): Promise<LogPlace> => {
    const location = await postgresql.makeDatabase();
    return {
      open: () => open(location),
      sql: async (text) => (await postgresql.sql(location, text)).rows,
    };
  };

  mailLogContract(makePlace);
  mailLogRandomContract(makePlace, 6);

  test("the mail log may be in the queue's database; a newer schema is refused", async () => {
    const location = await postgresql.makeDatabase();
    const queue = await openQueueStore(location, await Spool.open(folder));
    const store = await open(location);
    const entry = received(START);
    await store.add({ received: [entry], delivered: [delivered(entry.id, START)] });
    await queue.close();
    await postgresql.sql(location, "INSERT INTO log_schema_version VALUES (99, now())");
    await assert.rejects(openMailLogStore(location), { name: "StoreMismatchError", message: /newer vsmtp/ });
  });

  test("a server that is away is busy, and the same store goes on when it is back", async (t) => {
    const location = await postgresql.makeDatabase();
    const proxy = await FaultyProxy.start(postgresql.port);
    t.after(() => proxy.stop());
    const store = await open(location.replace(`:${postgresql.port}/`, `:${proxy.port}/`));
    const batch = { received: [received(START)], delivered: [] };
    const busy = { name: "MailLogStoreError", kind: "busy" };
    for (const delivered of [true, false]) {
      proxy.cutAt("COMMIT", delivered);
      await assert.rejects(store.add(batch), busy);
      await store.add(batch);
    }
    assert.equal((await store.search({}, 10)).length, 1);
    await postgresql.kill();
    await assert.rejects(store.add(batch), busy);
    await assert.rejects(store.claimDay("x", "2026-11-26"), busy);
    await postgresql.startAgain();
    await store.add(batch);
    assert.equal(await store.claimDay("x", "2026-11-26"), true);
  });
}
