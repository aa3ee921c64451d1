import type { QueueStore } from "../../queue/index.ts";
import type { Spool } from "../../spool/index.ts";
import { ChunkedContents } from "../queue/chunked-contents.ts";
import { SqlQueueStore } from "../queue/sql-queue-store.ts";
import { PostgresqlQueueDriver } from "./postgresql-queue-driver.ts";

/** See openQueueStore. */
export async function openPostgresqlQueue(url: string, spool: Spool): Promise<QueueStore> {
  const driver = await PostgresqlQueueDriver.open(url);
  return new SqlQueueStore(driver, new ChunkedContents(spool, driver));
}
