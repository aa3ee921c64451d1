import type { QueueStore } from "../queue/index.ts";
import type { Spool } from "../spool/index.ts";
import { SpooledContents } from "./queue/spooled-contents.ts";
import { SqlQueueStore } from "./queue/sql-queue-store.ts";
import type { SqliteOptions } from "./sqlite/sqlite-driver.ts";
import { SqliteQueueDriver } from "./sqlite/sqlite-queue-driver.ts";
import { isPostgresqlUrl } from "./store-location.ts";

/**
 * The code for PostgreSQL is loaded where it is used only.
 *
 * @param location see `queueLocation`
 * @param spool where the files of large messages come from
 * @param options where the location is a file
 * @throws QueueStoreError when the store cannot be reached or used now, StoreMismatchError when it is newer than this program or another's
 */
export async function openQueueStore(
  location: string,
  spool: Spool,
  options: SqliteOptions = {},
): Promise<QueueStore> {
  if (isPostgresqlUrl(location)) {
    const { openPostgresqlQueue } = await import("./postgresql/open-postgresql-queue.ts");
    return openPostgresqlQueue(location, spool);
  }
  const driver = new SqliteQueueDriver(location, options);
  return new SqlQueueStore(driver, new SpooledContents(spool, driver));
}
