import type pg from "pg";
import { KeyringStoreError } from "../../keyring/index.ts";
import { type Program, runProgram } from "../sql/program.ts";
import { execute } from "./connection.ts";
import { isConnectionLost, storageError } from "./storage-error.ts";

/** One connection, as long as it is in somebody's hands. Its failures are KeyringStoreErrors. */
export class Session {
  readonly #client: pg.PoolClient;
  #isLost = false;

  static async open(pool: pg.Pool): Promise<Session> {
    try {
      return new Session(await pool.connect());
    } catch (error) {
      throw storageError(error);
    }
  }

  private constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  /** It can be used no more; what was asked last may have been done or not. */
  get isLost(): boolean {
    return this.#isLost;
  }

  ask<T>(question: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return question(this.#client).catch((error) => {
      this.#isLost ||= isConnectionLost(error);
      throw storageError(error);
    });
  }

  run<T>(program: Program<T>): Promise<T> {
    return runProgram(program, (statement) => this.ask((client) => execute(client, statement)));
  }

  async commit(): Promise<void> {
    try {
      await this.ask((client) => client.query("COMMIT"));
    } catch (error) {
      if (!this.#isLost) throw error;
      const problem = "the connection was lost at the commit: whether the change was made is not known";
      throw new KeyringStoreError("busy", new Error(problem, { cause: error }));
    }
  }

  async rollBack(): Promise<void> {
    if (this.#isLost) return;
    // A connection that cannot even do that is of no use to the next.
    await this.ask((client) => client.query("ROLLBACK")).catch(() => {
      this.#isLost = true;
    });
  }

  release(): void {
    this.#client.release(this.#isLost);
  }
}
