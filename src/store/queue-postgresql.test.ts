import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { QueueStore } from "../queue/index.ts";
import { Spool } from "../spool/index.ts";
import { queueLeaseContract } from "./contract/test-queue-leases.ts";
import { queueMessageContract } from "./contract/test-queue-messages.ts";
import { queueOrderContract } from "./contract/test-queue-orders.ts";
import type { QueuePlace } from "./contract/test-queue-place.ts";
import { queueRandomContract } from "./contract/test-queue-random.ts";
import { openQueueStore } from "./index.ts";
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
  queueLeaseContract(makePlace);
  queueOrderContract(makePlace);
  queueRandomContract(makePlace);
}
