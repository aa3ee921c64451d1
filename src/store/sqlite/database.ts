import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Program, Result, Row, Statement } from "../sql/program.ts";
import { StoreMismatchError } from "../store-mismatch-error.ts";
import { LogSync } from "./log-sync.ts";

/** One step of a schema: SQL that takes the database from version `index` to `index + 1`. Never edited once released. */
export type Migrations = readonly string[];

/** Holds the upper levels of the trees of some million accounts, so that a look at one of them reads few pages. */
const CACHE_KIB = 32 * 1024;

export interface DatabaseOptions {
  /** The file; it is made (mode 0600, its folder 0700) when it is not there. */
  readonly path: string;
  /** Tells the kinds of files apart (`PRAGMA application_id`), so that no file is opened as another. */
  readonly applicationId: number;
  readonly migrations: Migrations;
  /** How long a writer waits for another process's transaction; the event loop waits with it. */
  readonly busyTimeoutMs?: number;
  /** Memory for pages of the file; without this enough for the upper levels of the trees of some million accounts. */
  readonly cacheKib?: number;
  /** The file's greatest size: a commit beyond it is refused as `full` before the disk is. */
  readonly maxOctets?: number;
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_FULL = 13;
/** Out of memory, read-only, I/O error, corrupt, cannot open, locking protocol, not a database. */
const SQLITE_STORAGE_ERRORS = new Set([7, 8, 10, 11, 14, 15, 26]);
/** The operating system refused an octet: a full disk, a quota. The commit is void, the file is intact. */
const SQLITE_IOERR_WRITE = 778;

/**
 * One SQLite file: write-ahead log, foreign keys on, schema brought up to date at opening. Statements and commits are
 * synchronous, like `node:sqlite`, and take microseconds; a commit counts when `synced` has resolved, which takes a disk
 * sync that all who wait share.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #log: LogSync;
  readonly #statements = new Map<string, { readonly prepared: StatementSync; readonly hasRows: boolean }>();

  constructor(options: DatabaseOptions) {
    if (options.path !== ":memory:" && !existsSync(options.path)) createPrivately(options.path);
    this.#db = new DatabaseSync(options.path, {
      timeout: options.busyTimeoutMs ?? 5_000,
      enableForeignKeyConstraints: true,
      allowExtension: false,
    });
    this.#log = new LogSync(`${options.path}-wal`);
    try {
      this.#checkKind(options);
      useWriteAheadLog(this.#db);
      this.#db.exec(
        `PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;
         PRAGMA cache_size = -${options.cacheKib ?? CACHE_KIB}`,
      );
      this.#migrate(options);
      if (options.maxOctets !== undefined) this.#limitSize(options.maxOctets);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).prepared.get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).prepared.all(...values);
  }

  /** Returns the number of rows that changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).prepared.run(...values).changes);
  }

  /** Runs a program to its end before anything else happens in this process. */
  perform<T>(program: Program<T>): T {
    let step = program.next();
    while (!step.done) step = program.next(this.execute(step.value));
    return step.value;
  }

  /** A statement of a program, which may give rows or change some. */
  execute({ sql, values }: Statement): Result {
    const { prepared, hasRows } = this.#prepare(sql);
    return hasRows
      ? { rows: prepared.all(...values), changed: 0 }
      : { rows: [], changed: Number(prepared.run(...values).changes) };
  }

  /**
   * Runs `work` as one transaction that takes the write lock at once, so that what it reads stays true. When `work` or the
   * commit throws, or `keep` says no to the result, nothing of it happened. Nobody is told of it before {@link synced}.
   */
  transaction<T>(work: () => T, keep: (result: T) => boolean = () => true): T {
    this.run("BEGIN IMMEDIATE");
    try {
      if (this.#log.suspect) this.#log.rewrite();
      const result = work();
      this.run(keep(result) ? "COMMIT" : "ROLLBACK");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /**
   * Resolves when all that was committed before is on the disk. When it rejects that is not known: it may be there or not,
   * and the database stays usable.
   */
  synced(): Promise<void> {
    return this.#log.sync();
  }

  /** Differs from the answer before once another connection, of this or another process, has committed anything. */
  dataVersion(): number {
    return Number(this.get("PRAGMA data_version")?.data_version);
  }

  /** What the file could take in without becoming larger. */
  spareOctets(): number {
    return Number(this.get("PRAGMA freelist_count")?.freelist_count) * this.#pageOctets();
  }

  async close(): Promise<void> {
    this.#statements.clear();
    await this.#log.close();
    this.#db.close();
  }

  #prepare(sql: string): { readonly prepared: StatementSync; readonly hasRows: boolean } {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      const prepared = this.#db.prepare(sql);
      statement = { prepared, hasRows: prepared.columns().length > 0 };
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #checkKind({ path, applicationId }: DatabaseOptions): void {
    const found = Number(this.#db.prepare("PRAGMA application_id").get()?.application_id);
    const tables = this.#db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n;
    if (found !== applicationId && !(found === 0 && tables === 0)) {
      throw new StoreMismatchError(
        `${path} is a database of another kind; check the path in the configuration`,
      );
    }
  }

  #limitSize(maxOctets: number): void {
    this.#db.exec(`PRAGMA max_page_count = ${Math.ceil(maxOctets / this.#pageOctets())}`);
  }

  #pageOctets(): number {
    return Number(this.get("PRAGMA page_size")?.page_size);
  }

  /** Forward only, in one transaction under the write lock: of several processes that start at once, one migrates. */
  #migrate({ path, applicationId, migrations }: DatabaseOptions): void {
    this.transaction(() => {
      this.#db.exec(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT",
      );
      const row = this.#db.prepare("SELECT coalesce(max(version), 0) AS version FROM schema_version").get();
      const version = Number(row?.version);
      if (version > migrations.length) {
        throw new StoreMismatchError(
          `${path} was written by a newer vsmtp (schema ${version}); upgrade this one`,
        );
      }
      migrations.slice(version).forEach((sql, index) => {
        this.#db.exec(sql);
        this.#db
          .prepare("INSERT INTO schema_version (version, applied_at) VALUES (?, datetime('now'))")
          .run(version + index + 1);
      });
      if (version === 0) this.#db.exec(`PRAGMA application_id = ${applicationId}`);
    });
  }
}

/** What a failure of the file comes to: `busy` and `full` can pass by themselves; null for errors of our own. */
export function storageProblem(error: unknown): "busy" | "full" | "broken" | null {
  const { syscall, code: name } = (error ?? {}) as NodeJS.ErrnoException;
  // Of the log's sync; all else is SQLite's.
  if (syscall !== undefined) return name === "ENOSPC" || name === "EDQUOT" ? "full" : "broken";
  const code = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof code !== "number") return null;
  const primary = code & 0xff;
  if (primary === SQLITE_BUSY || primary === SQLITE_LOCKED) return "busy";
  if (primary === SQLITE_FULL || code === SQLITE_IOERR_WRITE) return "full";
  return SQLITE_STORAGE_ERRORS.has(primary) ? "broken" : null;
}

/** SQLite gives its log and index files the mode of the database, so it has to exist with the right one. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
}

/** The switch needs the file alone and does not wait by itself; two processes that start at once take turns. */
function useWriteAheadLog(db: DatabaseSync): void {
  for (let attempt = 1; ; attempt++) {
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (attempt === 100 || storageProblem(error) !== "busy") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
