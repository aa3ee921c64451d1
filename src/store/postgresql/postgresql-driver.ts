import { KeyringStoreError } from "../../keyring/index.ts";
import { keyringMigrations } from "../keyring/schema.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import type { Program } from "../sql/program.ts";
import { ChangeListener } from "./change-listener.ts";
import { Connections } from "./connections.ts";
import { KEYRING_SCHEMA, migrate } from "./migrate.ts";
import { Turns } from "./turns.ts";

/** How long a change waits for those before it in this process; for those of others, see `lock_timeout`. */
const TURN_MS = 10_000;

/** Whoever holds the head row changes something; all others, in all processes, wait for it (decision 0061). */
const BEGIN_CHANGE = "BEGIN; SELECT FROM head FOR UPDATE";
const BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Runs the keyring's programs on PostgreSQL. */
export class PostgresqlDriver implements SqlDriver {
  readonly #connections: Connections;
  readonly #listener: ChangeListener;
  /** Changes would wait for each other anyway: they take one connection and leave the others to readers. */
  readonly #turns = new Turns();

  /**
   * Brings the schema up to date.
   *
   * @throws KeyringStoreError when the server cannot be used now, StoreMismatchError when its schema is newer than this program
   */
  static async open(url: string): Promise<PostgresqlDriver> {
    const driver = new PostgresqlDriver(url);
    try {
      await driver.#connections.ask((client) => migrate(client, KEYRING_SCHEMA, keyringMigrations));
      await driver.#listener.start();
      return driver;
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  private constructor(url: string) {
    this.#connections = new Connections(url, KeyringStoreError);
    this.#listener = new ChangeListener(url);
  }

  read<T>(program: Program<T>): Promise<T> {
    return this.#connections.read(program);
  }

  readSnapshot<T>(program: Program<T>): Promise<T> {
    return this.#connections.transaction(BEGIN_SNAPSHOT, async (session) => {
      const answer = await session.run(program);
      await session.commit();
      return answer;
    });
  }

  async change<T>(program: Program<Change<T>>): Promise<T> {
    const endTurn = await this.#turns.take(TURN_MS);
    if (endTurn === null) throw new KeyringStoreError("busy", "too many changes wait for their turn");
    try {
      return await this.#connections.transaction(BEGIN_CHANGE, async (session) => {
        const { answer, keep, subjects } = await session.run(program);
        if (keep) await session.commit();
        else await session.rollBack();
        if (keep) this.#listener.log.add(subjects);
        return answer;
      });
    } finally {
      endTurn();
    }
  }

  changeCount(): number {
    return this.#listener.changeCount();
  }

  changedSince(count: number): ReadonlySet<string> | null {
    return this.#listener.log.since(count);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#connections.close();
  }
}
