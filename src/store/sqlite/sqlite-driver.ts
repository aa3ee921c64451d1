import { setImmediate as nextTurn } from "node:timers/promises";
import { KeyringStoreError } from "../../keyring/index.ts";
import { ChangeLog } from "../change-log.ts";
import { journalAfter, journalEnd } from "../keyring/journal.ts";
import { keyringMigrations } from "../keyring/schema.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import { type Program, runProgram } from "../sql/program.ts";
import { attemptAs, failureAs } from "./attempt.ts";
import { Database } from "./database.ts";
import { sqliteDialect } from "./dialect.ts";

/** "VSMV"; "VSMK" were key stores of checkouts before 0.1.0, whose schema was another. */
const KEYRING_APPLICATION_ID = 0x56534d56;

export interface SqliteOptions {
  readonly busyTimeoutMs?: number;
  readonly maxOctets?: number;
}

/** Runs the keyring's programs on one SQLite file, each to its end before anything else happens in this process. */
export class SqliteDriver implements SqlDriver {
  readonly #open: () => Database;
  readonly #db: Database;
  readonly #log = new ChangeLog();
  #dataVersion: number;
  #journalEnd: number;
  /** The file was asked in this turn of the event loop. */
  #asked = false;

  /** @throws KeyringStoreError when the file cannot be used, StoreMismatchError when it is not of this kind or version */
  constructor(path: string, options: SqliteOptions = {}) {
    this.#open = () =>
      new Database({
        ...options,
        path,
        applicationId: KEYRING_APPLICATION_ID,
        migrations: keyringMigrations.map((migration) => migration(sqliteDialect)),
      });
    this.#db = attempt(this.#open);
    // In this order: what is committed between the two is read again, not missed.
    this.#dataVersion = attempt(() => this.#db.dataVersion());
    this.#journalEnd = attempt(() => this.#db.perform(journalEnd()));
  }

  async read<T>(program: Program<T>): Promise<T> {
    return attempt(() => this.#db.perform(program));
  }

  async readSnapshot<T>(program: Program<T>): Promise<T> {
    // On a connection of its own: others read and write meanwhile, and the event loop goes on after each statement.
    const db = attempt(() => this.#open());
    try {
      attempt(() => db.run("BEGIN"));
      return await runProgram(program, async (statement) => {
        const result = attempt(() => db.execute(statement));
        await nextTurn();
        return result;
      });
    } finally {
      await db.close();
    }
  }

  async change<T>(program: Program<Change<T>>): Promise<T> {
    const { answer, keep, subjects } = attempt(() =>
      this.#db.transaction(
        () => this.#db.perform(program),
        (change) => change.keep,
      ),
    );
    if (keep) {
      this.#log.add(subjects);
      await this.#db.synced().catch((error) => {
        throw failureAs(KeyringStoreError, error);
      });
    }
    return answer;
  }

  /** The file is asked once in a turn of the event loop: whatever arrives later is answered from a later turn. */
  changeCount(): number {
    if (!this.#asked) {
      this.#asked = true;
      setImmediate(() => {
        this.#asked = false;
      });
      this.#lookForChanges();
    }
    return this.#log.count;
  }

  changedSince(count: number): ReadonlySet<string> | null {
    return this.#log.since(count);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #lookForChanges(): void {
    try {
      const dataVersion = this.#db.dataVersion();
      if (dataVersion === this.#dataVersion) return;
      const { end, subjects } = this.#db.perform(journalAfter(this.#journalEnd));
      if (subjects === null) this.#log.forgetAll();
      else this.#log.add(subjects);
      this.#journalEnd = end;
      this.#dataVersion = dataVersion;
    } catch {
      // Nothing that is remembered can be trusted. Whoever asks the file itself now learns what is wrong with it.
      this.#log.forgetAll();
    }
  }
}

const attempt = <T>(work: () => T): T => attemptAs(KeyringStoreError, work);
