import type { SqlDriver } from "./sql/driver.ts";
import { SqliteDriver, type SqliteOptions } from "./sqlite/sqlite-driver.ts";
import { isPostgresqlUrl } from "./store-location.ts";

/**
 * The code for PostgreSQL is loaded where it is used only.
 *
 * @param location a SQLite file, made when it is not there, or the URL of a PostgreSQL database
 * @throws KeyringStoreError when it cannot be reached or used now, Error when it is newer than this program
 */
export async function openDriver(location: string, options: SqliteOptions = {}): Promise<SqlDriver> {
  if (!isPostgresqlUrl(location)) return new SqliteDriver(location, options);
  const { PostgresqlDriver } = await import("./postgresql/postgresql-driver.ts");
  return PostgresqlDriver.open(location);
}
