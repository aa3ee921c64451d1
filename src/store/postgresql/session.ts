import type pg from "pg";
import { type Program, runProgram } from "../sql/program.ts";
import type { StoreFailure } from "../sql/store-failure.ts";
import { execute } from "./connection.ts";
import { isConflict, isConnectionLost, storageError } from "./storage-error.ts";

/** One connection, as long as it is in somebody's hands. Its failures are the store's errors. */
export class Session {
  readonly #client: pg.PoolClient;
  readonly #Failure: StoreFailure;
  #isLost = false;
  #hadConflict = false;

  static async open(pool: pg.Pool, Failure: StoreFailure): Promise<Session> {
    try {
      return new Session(await pool.connect(), Failure);
    } catch (error) {
      throw storageError(Failure, error);
    }
  }

  private constructor(client: pg.PoolClient, Failure: StoreFailure) {
    this.#client = client;
    this.#Failure = Failure;
  }

  /** It can be used no more; what was asked last may have been done or not. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The database undid the transaction for another one's sake. */
  get hadConflict(): boolean {
    return this.#hadConflict;
  }

  ask<T>(question: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return question(this.#client).catch((error) => {
      this.#isLost ||= isConnectionLost(error);
      this.#hadConflict ||= isConflict(error);
      throw storageError(this.#Failure, error);
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
      throw new this.#Failure("busy", new Error(problem, { cause: error }));
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
