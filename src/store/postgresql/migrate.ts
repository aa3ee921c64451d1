import type pg from "pg";
import type { Dialect, Migration } from "../sql/dialect.ts";
import { StoreMismatchError } from "../store-mismatch-error.ts";
import { postgresqlDialect } from "./dialect.ts";

/** One of the schemas that may be in a database side by side. */
export interface Schema {
  /** Holds its version. */
  readonly versionTable: string;
  /** Of several processes that start at once, the one that has this lock migrates. */
  readonly lock: number;
  readonly dialect: Dialect;
}

export const KEYRING_SCHEMA: Schema = {
  versionTable: "schema_version",
  lock: 0x56534d4b, // "VSMK"
  dialect: postgresqlDialect("vsmtp"),
};

export const QUEUE_SCHEMA: Schema = {
  versionTable: "queue_schema_version",
  lock: 0x56534d51, // "VSMQ"
  dialect: postgresqlDialect("vsmtp_queue"),
};

export const LOG_SCHEMA: Schema = {
  versionTable: "log_schema_version",
  lock: 0x56534d4c, // "VSML"
  dialect: postgresqlDialect("vsmtp_log"),
};

/**
 * Forward only, in one transaction.
 *
 * @throws StoreMismatchError when the database is newer than this program
 */
export async function migrate(
  client: pg.ClientBase,
  { versionTable, lock, dialect }: Schema,
  migrations: readonly Migration[],
): Promise<void> {
  // A server that is up to date is not asked for a lock: many processes start after one another.
  if ((await schemaVersion(client, versionTable)) === migrations.length) return;
  await client.query("BEGIN");
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${lock})`);
    const version = await schemaVersion(client, versionTable);
    if (version > migrations.length) {
      throw new StoreMismatchError(
        `the database was written by a newer vsmtp (schema ${version}); upgrade this one`,
      );
    }
    if (version === 0) {
      await client.query(
        `CREATE TABLE ${versionTable} (version BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)`,
      );
    }
    for (const [index, migration] of migrations.slice(version).entries()) {
      await client.query(migration(dialect));
      await client.query(`INSERT INTO ${versionTable} VALUES ($1, now())`, [version + index + 1]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** 0 for an empty database. */
async function schemaVersion(client: pg.ClientBase, versionTable: string): Promise<number> {
  // Not to_regclass: within a transaction that remembers from before it waited for the lock that there is no table.
  const table = await client.query(
    `SELECT EXISTS (SELECT FROM pg_tables
       WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))) AS there`,
    [versionTable],
  );
  if (table.rows[0]?.there !== true) return 0;
  const newest = await client.query(`SELECT coalesce(max(version), 0) AS version FROM ${versionTable}`);
  return Number(newest.rows[0]?.version);
}
