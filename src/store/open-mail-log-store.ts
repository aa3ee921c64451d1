import type { MailLogStore } from "../mail-log/index.ts";
import { SqlMailLogStore } from "./mail-log/sql-mail-log-store.ts";
import type { SqliteOptions } from "./sqlite/sqlite-driver.ts";
import { SqliteLogDriver } from "./sqlite/sqlite-log-driver.ts";
import { isPostgresqlUrl } from "./store-location.ts";

/**
 * The code for PostgreSQL is loaded where it is used only.
 *
 * @param location see `mailLogLocation`
 * @param options where the location is a file
 * @throws MailLogStoreError when the store cannot be reached or used now, StoreMismatchError when it is newer than this
 * program or another's
 */
export async function openMailLogStore(location: string, options: SqliteOptions = {}): Promise<MailLogStore> {
  if (!isPostgresqlUrl(location)) return new SqlMailLogStore(new SqliteLogDriver(location, options));
  const { PostgresqlLogDriver } = await import("./postgresql/postgresql-log-driver.ts");
  return new SqlMailLogStore(await PostgresqlLogDriver.open(location));
}
