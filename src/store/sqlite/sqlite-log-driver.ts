import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { MailLogStoreError } from "../../mail-log/index.ts";
import type { LogChangeOptions, LogDriver } from "../mail-log/log-driver.ts";
import { mailLogMigrations } from "../mail-log/schema.ts";
import type { Program } from "../sql/program.ts";
import { attemptAs, failureAs } from "./attempt.ts";
import { Database } from "./database.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteOptions } from "./sqlite-driver.ts";

/** "VSML" */
const LOG_APPLICATION_ID = 0x56534d4c;
/** The event loop waits with it, for a log that can wait. */
const BUSY_MS = 100;
/** What is written is the end of each tree. */
const CACHE_KIB = 4 * 1024;

/** Runs the mail log's programs on one SQLite file, each to its end before anything else happens in this process. */
export class SqliteLogDriver implements LogDriver {
  /** A transaction has the whole file. */
  readonly locks = { wait: "", skip: "" };
  readonly #db: Database;
  readonly #folder: string;

  /** @throws MailLogStoreError when the file cannot be used, StoreMismatchError when it is not of this kind or version */
  constructor(path: string, options: SqliteOptions) {
    this.#folder = dirname(path);
    this.#db = attempt(
      () =>
        new Database({
          busyTimeoutMs: BUSY_MS,
          ...options,
          path,
          cacheKib: CACHE_KIB,
          applicationId: LOG_APPLICATION_ID,
          migrations: mailLogMigrations.map((migration) => migration(sqliteDialect)),
        }),
    );
  }

  async read<T>(program: Program<T>): Promise<T> {
    return attempt(() => this.#db.perform(program));
  }

  async change<T>(program: Program<T>, { synced, grows }: LogChangeOptions): Promise<T> {
    if (grows) attempt(() => this.#refuseWithoutRoom());
    const answer = attempt(() => this.#db.transaction(() => this.#db.perform(program)));
    if (!synced) return answer;
    try {
      await this.#db.synced();
    } catch (error) {
      throw failureAs(MailLogStoreError, error);
    }
    return answer;
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #refuseWithoutRoom(): void {
    const { bavail, bsize } = statfsSync(this.#folder);
    if (bavail * bsize < RESERVE_OCTETS)
      throw new MailLogStoreError("full", "what is left of the disk is kept for mail");
  }
}

/** The queue stops taking mail where 16 MiB are left; the log leaves it more than that. */
const RESERVE_OCTETS = 32 << 20;

const attempt = <T>(work: () => T): T => attemptAs(MailLogStoreError, work);
