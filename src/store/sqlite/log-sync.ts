import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { promisify } from "node:util";

const PIECE_OCTETS = 1 << 20;
const dataSync = promisify(fdatasync);

/**
 * Syncs a database's write-ahead log outside the event loop's thread, so that one sync serves all who committed before
 * it began while the others go on. A commit that was not synced survives the end of the process, but not of the machine:
 * nobody is told of it before.
 */
export class LogSync {
  readonly #path: string;
  #file: number | null = null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  /** A sync failed: the system may take what it could not write for written. */
  #suspect = false;

  /** @param path of the log, which its database keeps while it is open */
  constructor(path: string) {
    this.#path = path;
  }

  /** After a failure: before the next sync the log has to be written again, see {@link rewrite}. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /** Resolves when all that is in the log now is on the disk. Rejects with the system's error. */
  sync(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#next ??= this.#running.catch(() => {}).then(() => this.#start());
    return this.#next;
  }

  /**
   * Writes the log's octets once more, so that the next sync writes them to the disk. The caller holds the database's write
   * lock. Throws the system's error.
   */
  rewrite(): void {
    const file = this.#open();
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    const { size } = fstatSync(file);
    for (let at = 0; at < size; ) {
      const octets = readSync(file, piece, 0, PIECE_OCTETS, at);
      if (octets === 0) break;
      writeSync(file, piece, 0, octets, at);
      at += octets;
    }
    this.#suspect = false;
  }

  /** After the sync that is under way. */
  async close(): Promise<void> {
    await this.#running?.catch(() => {});
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #start(): Promise<void> {
    this.#next = null;
    const run = this.#sync().finally(() => {
      if (this.#running === run) this.#running = null;
    });
    this.#running = run;
    return run;
  }

  async #sync(): Promise<void> {
    try {
      await dataSync(this.#open());
    } catch (error) {
      this.#suspect = true;
      throw error;
    }
  }

  /** Open as long as the database: SQLite has no lock on this file that closing it would take away. */
  #open(): number {
    this.#file ??= openSync(this.#path, constants.O_RDWR);
    return this.#file;
  }
}
