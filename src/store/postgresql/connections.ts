import pg from "pg";
import { type Program, runProgram } from "../sql/program.ts";
import type { StoreFailure } from "../sql/store-failure.ts";
import { connectionConfig, execute } from "./connection.ts";
import { Session } from "./session.ts";

const CONNECTIONS = 8;
const IDLE_MS = 60_000;
/** A connection that was lost while nobody used it is noticed at its next use: then another one is tried. */
const ATTEMPTS = CONNECTIONS + 1;

/** A store's connections to PostgreSQL. Their failures are the store's errors. */
export class Connections {
  readonly #pool: pg.Pool;
  readonly #Failure: StoreFailure;

  /** @param settings SQL that each connection begins with */
  constructor(url: string, Failure: StoreFailure, settings: string | null = null) {
    this.#Failure = Failure;
    this.#pool = new pg.Pool({
      ...connectionConfig(url),
      max: CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      ...(settings === null ? {} : { onConnect: async (client) => void (await client.query(settings)) }),
    });
    // A lost connection is reported to whoever uses it next; without listeners it would end the process.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => client.on("error", () => {}));
  }

  /** @param question is asked again on another connection if the first is lost: it reads only, or may be repeated */
  async ask<T>(question: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    for (let attemptsLeft = ATTEMPTS; ; attemptsLeft--) {
      const session = await Session.open(this.#pool, this.#Failure);
      try {
        return await session.ask(question);
      } catch (error) {
        if (!session.isLost || attemptsLeft === 1) throw error;
      } finally {
        session.release();
      }
    }
  }

  /** A program that reads with one statement, or with several that need not agree. */
  read<T>(program: Program<T>): Promise<T> {
    return runProgram(program, (statement) => this.ask((client) => execute(client, statement)));
  }

  /** @param work has to commit or roll back, unless it throws */
  async transaction<T>(begin: string, work: (session: Session) => Promise<T>): Promise<T> {
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

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #begin(begin: string): Promise<Session> {
    for (let attemptsLeft = ATTEMPTS; ; attemptsLeft--) {
      const session = await Session.open(this.#pool, this.#Failure);
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
}
