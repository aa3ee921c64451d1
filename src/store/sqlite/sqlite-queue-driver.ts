import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { QueueStoreError } from "../../queue/index.ts";
import type { ChangeOptions, QueueDriver } from "../queue/queue-driver.ts";
import { queueMigrations } from "../queue/schema.ts";
import type { Program } from "../sql/program.ts";
import { attemptAs, failureAs } from "./attempt.ts";
import { Database } from "./database.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteOptions } from "./sqlite-driver.ts";

/** "VSMU"; "VSMQ" were queues of checkouts before 0.1.0, whose schema was another. */
const QUEUE_APPLICATION_ID = 0x56534d55;
/** Clients wait for a place in the queue, and the event loop waits with them. */
const BUSY_MS = 2_000;

/**
 * New messages leave so much of the disk free. The log needs room for every change, even for one that frees some: on a disk
 * that new messages had filled to the last octet, none of them could be recorded as delivered.
 */
const RESERVE_OCTETS = 16 << 20;
/** Of it, what stays free although the file has pages to spare: the log is about half as large. */
const LOG_OCTETS = 8 << 20;

/** Runs the queue's programs on one SQLite file, each to its end before anything else happens in this process. */
export class SqliteQueueDriver implements QueueDriver {
  /** A transaction has the whole file. */
  readonly locks = { wait: "", skip: "" };
  readonly #db: Database;
  readonly #folder: string;

  /** @throws QueueStoreError when the file cannot be used, StoreMismatchError when it is not of this kind or version */
  constructor(path: string, options: SqliteOptions) {
    this.#folder = dirname(path);
    this.#db = attempt(
      () =>
        new Database({
          busyTimeoutMs: BUSY_MS,
          ...options,
          path,
          applicationId: QUEUE_APPLICATION_ID,
          migrations: queueMigrations.map((migration) => migration(sqliteDialect)),
        }),
    );
  }

  async read<T>(program: Program<T>): Promise<T> {
    return attempt(() => this.#db.perform(program));
  }

  async change<T>(make: () => Program<T>, { synced, grows = false, undo }: ChangeOptions): Promise<T> {
    if (grows) attempt(() => this.#refuseWithoutRoom());
    const answer = this.#change(make);
    if (!synced) return answer;
    try {
      await this.#db.synced();
    } catch (error) {
      if (undo !== undefined) this.#change(undo);
      throw failureAs(QueueStoreError, error);
    }
    return answer;
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #refuseWithoutRoom(): void {
    const { bavail, bsize } = statfsSync(this.#folder);
    const free = bavail * bsize;
    if (free >= RESERVE_OCTETS) return;
    if (free < LOG_OCTETS || free + this.#db.spareOctets() < RESERVE_OCTETS)
      throw new QueueStoreError("full", "what is left of the disk is kept for what is in the queue");
  }

  #change<T>(make: () => Program<T>): T {
    return attempt(() => this.#db.transaction(() => this.#db.perform(make())));
  }
}

const attempt = <T>(work: () => T): T => attemptAs(QueueStoreError, work);
