import { MailLogStoreError } from "../../mail-log/index.ts";
import type { LogChangeOptions, LogDriver } from "../mail-log/log-driver.ts";
import { mailLogMigrations } from "../mail-log/schema.ts";
import type { Program } from "../sql/program.ts";
import { Connections } from "./connections.ts";
import { LOG_SCHEMA, migrate } from "./migrate.ts";

/** As for the queue: every statement has an index. */
const SETTINGS = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off";
/** Entries need not survive a power failure of the database. */
const BEGIN_UNSYNCED = "BEGIN; SET LOCAL synchronous_commit = off";

/** Runs the mail log's programs on PostgreSQL. */
export class PostgresqlLogDriver implements LogDriver {
  readonly locks = { wait: "FOR UPDATE", skip: "FOR UPDATE SKIP LOCKED" };
  readonly #connections: Connections;

  /**
   * Brings the schema up to date.
   *
   * @throws MailLogStoreError when the server cannot be used now, StoreMismatchError when its schema is newer than this program
   */
  static async open(url: string): Promise<PostgresqlLogDriver> {
    const driver = new PostgresqlLogDriver(url);
    try {
      await driver.#connections.ask((client) => migrate(client, LOG_SCHEMA, mailLogMigrations));
      return driver;
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  private constructor(url: string) {
    this.#connections = new Connections(url, MailLogStoreError, SETTINGS);
  }

  read<T>(program: Program<T>): Promise<T> {
    return this.#connections.read(program);
  }

  change<T>(program: Program<T>, { synced }: LogChangeOptions): Promise<T> {
    return this.#connections.transaction(synced ? "BEGIN" : BEGIN_UNSYNCED, async (session) => {
      const answer = await session.run(program);
      await session.commit();
      return answer;
    });
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}
