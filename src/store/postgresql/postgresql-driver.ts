import pg from "pg";
import { KeyringStoreError } from "../../keyring/index.ts";
import { keyringMigrations } from "../keyring/schema.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import { type Program, runProgram } from "../sql/program.ts";
import { ChangeListener } from "./change-listener.ts";
import { connectionConfig, execute } from "./connection.ts";
import { migrate } from "./migrate.ts";
import { Session } from "./session.ts";
import { Turns } from "./turns.ts";

const CONNECTIONS = 8;
const IDLE_MS = 60_000;
/** How long a change waits for those before it in this process; for those of others, see `lock_timeout`. */
const TURN_MS = 10_000;
/** A connection that was lost while nobody used it is noticed at its next use: then another one is tried. */
const ATTEMPTS = CONNECTIONS + 1;

/** Whoever holds the head row changes something; all others, in all processes, wait for it (decision 0061). */
const BEGIN_CHANGE = "BEGIN; SELECT FROM head FOR UPDATE";
const BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Runs the keyring's programs on PostgreSQL. */
export class PostgresqlDriver implements SqlDriver {
  readonly #pool: pg.Pool;
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
      await driver.#ask((client) => migrate(client, keyringMigrations));
      await driver.#listener.start();
      return driver;
    } catch (error) {
      await driver.close();
      throw error;
    }
  }

  private constructor(url: string) {
    this.#pool = new pg.Pool({ ...connectionConfig(url), max: CONNECTIONS, idleTimeoutMillis: IDLE_MS });
    // A lost connection is reported to whoever uses it next; without listeners it would end the process.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
    this.#listener = new ChangeListener(url);
  }

  read<T>(program: Program<T>): Promise<T> {
    return runProgram(program, (statement) => this.#ask((client) => execute(client, statement)));
  }

  readSnapshot<T>(program: Program<T>): Promise<T> {
    return this.#transaction(BEGIN_SNAPSHOT, async (session) => {
      const answer = await session.run(program);
      await session.commit();
      return answer;
    });
  }

  async change<T>(program: Program<Change<T>>): Promise<T> {
    const endTurn = await this.#turns.take(TURN_MS);
    if (endTurn === null) throw new KeyringStoreError("busy", "too many changes wait for their turn");
    try {
      return await this.#transaction(BEGIN_CHANGE, async (session) => {
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
    await this.#pool.end();
  }

  async #transaction<T>(begin: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#begin(begin);
    try {
      return await work(session);
    } catch (error) {
      await session.rollBack();
      throw error;
    } finally {
      session.release();
    }
  }

  async #begin(begin: string): Promise<Session> {
    for (let attemptsLeft = ATTEMPTS; ; attemptsLeft--) {
      const session = await Session.open(this.#pool);
      try {
        await session.ask((client) => client.query(begin));
        return session;
      } catch (error) {
        await session.rollBack();
        session.release();
        if (!session.isLost || attemptsLeft === 1) throw error;
      }
    }
  }

  /** @param question is asked again on another connection if the first is lost: it reads only, or may be repeated */
  async #ask<T>(question: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    for (let attemptsLeft = ATTEMPTS; ; attemptsLeft--) {
      const session = await Session.open(this.#pool);
      try {
        return await session.ask(question);
      } catch (error) {
        if (!session.isLost || attemptsLeft === 1) throw error;
      } finally {
        session.release();
      }
    }
  }
}
