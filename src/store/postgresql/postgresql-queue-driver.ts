import { QueueStoreError } from "../../queue/index.ts";
import type { ChangeOptions, QueueDriver } from "../queue/queue-driver.ts";
import { queueMigrations } from "../queue/schema.ts";
import type { Program } from "../sql/program.ts";
import { execute } from "./connection.ts";
import { Connections } from "./connections.ts";
import { migrate, QUEUE_SCHEMA } from "./migrate.ts";

/**
 * A queue grows from nothing to a million between two times that the server looks at its tables, and prepared plans stay:
 * every statement of a message's way has an index, and is not to read a table because that once was empty.
 */
const SETTINGS = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off";

/** Runs the queue's programs on PostgreSQL. Transactions run beside each other, of one process and of many. */
export class PostgresqlQueueDriver implements QueueDriver {
  readonly locks = { wait: "FOR UPDATE", skip: "FOR UPDATE SKIP LOCKED" };
  readonly #connections: Connections;

  /**
   * Brings the schema up to date.
   *
   * @throws QueueStoreError when the server cannot be used now, StoreMismatchError when its schema is newer than this program
   */
  static async open(url: string): Promise<PostgresqlQueueDriver> {
    const driver = new PostgresqlQueueDriver(url);
    try {
      await driver.#connections.ask((client) => migrate(client, QUEUE_SCHEMA, queueMigrations));
      return driver;
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  private constructor(url: string) {
    this.#connections = new Connections(url, QueueStoreError, SETTINGS);
  }

  read<T>(program: Program<T>): Promise<T> {
    return this.#connections.read(program);
  }

  /** A commit is on the disk as far as the server's settings say, whether anybody is told of it or not. */
  async change<T>(make: () => Program<T>, { first }: ChangeOptions): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      let hadConflict = false;
      try {
        return await this.#connections.transaction("BEGIN", async (session) => {
          try {
            if (first !== undefined) {
              for await (const statement of first())
                await session.ask((client) => execute(client, statement));
            }
            const answer = await session.run(make());
            await session.commit();
            return answer;
          } finally {
            hadConflict = session.hadConflict;
          }
        });
      } catch (error) {
        if (!hadConflict || attempt === 2) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}
