import type pg from "pg";
import type { Migration } from "../sql/dialect.ts";
import { StoreMismatchError } from "../store-mismatch-error.ts";
import { postgresqlDialect } from "./dialect.ts";

/** "VSMK": of several processes that start at once, the one that has this lock migrates. */
const LOCK = 0x56534d4b;

/**
 * Forward only, in one transaction.
 *
 * @throws StoreMismatchError when the database is newer than this program
 */
export async function migrate(client: pg.ClientBase, migrations: readonly Migration[]): Promise<void> {
  // A server that is up to date is not asked for a lock: many processes start after one another.
  if ((await schemaVersion(client)) === migrations.length) return;
  await client.query("BEGIN");
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
    const version = await schemaVersion(client);
    if (version > migrations.length) {
      throw new StoreMismatchError(
        `the database was written by a newer vsmtp (schema ${version}); upgrade this one`,
      );
    }
    if (version === 0) {
      await client.query(
        "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)",
      );
    }
    for (const [index, migration] of migrations.slice(version).entries()) {
      await client.query(migration(postgresqlDialect));
      await client.query("INSERT INTO schema_version VALUES ($1, now())", [version + index + 1]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** 0 for an empty database. */
async function schemaVersion(client: pg.ClientBase): Promise<number> {
  // Not to_regclass: within a transaction that remembers from before it waited for the lock that there is no table.
  const table = await client.query(
    `SELECT EXISTS (SELECT FROM pg_tables
       WHERE tablename = 'schema_version' AND schemaname = ANY (current_schemas(false))) AS there`,
  );
  if (table.rows[0]?.there !== true) return 0;
  const newest = await client.query("SELECT coalesce(max(version), 0) AS version FROM schema_version");
  return Number(newest.rows[0]?.version);
}
