import { type FileHandle, open, rm } from "node:fs/promises";
import { countPassing } from "./passing-octets.ts";
import { PieceList } from "./piece-list.ts";
import { SpoolError, spoolError } from "./spool-error.ts";
import { inFile, inMemory, PlacedSpoolFile, type SpooledOctets } from "./spool-file.ts";

/** Takes octets as they come. Exactly one of `finish` and `discard` ends it. */
export interface SpoolWriter {
  /**
   * A promise that is pending while the disk is behind; rejects with a SpoolError, also for what was written before.
   * The chunk is kept, not copied: it must not change any more.
   */
  write(chunk: Uint8Array): void | Promise<void>;
  /** Octets now in memory. */
  readonly memoryOctets: number;
  /**
   * What was written, from the beginning at each call, before it is finished and nobody writes meanwhile. Rejects with a
   * SpoolError.
   */
  read(): AsyncIterable<Uint8Array>;
  /** All is there: a file is synced, and its folder too, in a durable spool. Rejects with a SpoolError; then nothing is left behind. */
  finish(): Promise<SpooledOctets>;
  /** Never rejects. */
  discard(): Promise<void>;
}

export interface SpoolWriterOptions {
  /** Where the file is to be: asked for when there has to be one. */
  readonly newPath: () => string;
  /** What is larger goes to the file. */
  readonly memoryOctets: number;
  /** Syncs the folder; null: nothing is synced, for what need not outlive the process. */
  readonly syncFolder: (() => Promise<void>) | null;
}

/** So much waits for the disk before a writer is asked to wait too. */
const behindOctets = 512 << 10;

export class FileSpoolWriter implements SpoolWriter {
  readonly #options: SpoolWriterOptions;
  readonly #waiting = new PieceList();
  #octets = 0;
  /** Null before a file was needed. */
  #path: string | null = null;
  /** Octets that the system is just writing. */
  #underWay = 0;
  #handle: FileHandle | null = null;
  #writing: Promise<void> | null = null;
  #failure: SpoolError | null = null;
  #isDiscarded = false;

  constructor(options: SpoolWriterOptions) {
    this.#options = options;
  }

  get memoryOctets(): number {
    return this.#waiting.octets + this.#underWay;
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (this.#isOver) return Promise.reject(this.#whyOver());
    this.#octets += chunk.length;
    this.#waiting.add(chunk);
    if (this.#octets <= this.#options.memoryOctets) return;
    this.#writing ??= this.#drain();
    if (this.memoryOctets <= behindOctets) return;
    const written = this.#written();
    // Whoever does not wait hears of the failure at the next call.
    written.catch(() => {});
    return written;
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isOver) throw this.#whyOver();
    if (this.#octets <= this.#options.memoryOctets) {
      yield* this.#waiting.pieces;
      return;
    }
    await this.#written();
    yield* new PlacedSpoolFile(this.#path as string, this.#octets).read();
  }

  async finish(): Promise<SpooledOctets> {
    if (!this.#isOver && this.#octets <= this.#options.memoryOctets)
      return inMemory(this.#waiting.take(), this.#octets);
    await this.#written();
    try {
      const { syncFolder } = this.#options;
      if (syncFolder !== null) await this.#handle?.datasync();
      await this.#handle?.close();
      this.#handle = null;
      await syncFolder?.();
    } catch (cause) {
      await this.#fail(cause);
      throw this.#failure;
    }
    return inFile(new PlacedSpoolFile(this.#path as string, this.#octets));
  }

  async discard(): Promise<void> {
    this.#isDiscarded = true;
    this.#waiting.take();
    await this.#writing;
    await this.#removeFile();
  }

  get #isOver(): boolean {
    return this.#isDiscarded || this.#failure !== null;
  }

  /** Made when somebody asks: an error costs more than to discard a small message, as is done with each that passes. */
  #whyOver(): SpoolError {
    this.#failure ??= new SpoolError("broken", "it was discarded");
    return this.#failure;
  }

  /** Resolves when nothing waits. */
  async #written(): Promise<void> {
    await this.#writing;
    if (this.#isOver) throw this.#whyOver();
  }

  /** Writes what waits and what comes meanwhile, in order. Never rejects: a failure stays for the next caller. */
  async #drain(): Promise<void> {
    try {
      this.#path ??= this.#options.newPath();
      this.#handle ??= await open(this.#path, "wx", 0o600);
      while (this.#waiting.octets > 0 && !this.#isOver) {
        this.#underWay = this.#waiting.octets;
        await writeAll(this.#handle, this.#waiting.take());
        countPassing(this.#underWay);
        this.#underWay = 0;
      }
    } catch (cause) {
      await this.#fail(cause);
    }
    this.#underWay = 0;
    this.#writing = null;
  }

  async #fail(cause: unknown): Promise<void> {
    this.#failure ??= spoolError(cause);
    this.#waiting.take();
    await this.#removeFile();
  }

  async #removeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close().catch(() => {});
    // Nothing but this writer knows the name; where there is no file, that is what was wanted.
    if (this.#path !== null) await rm(this.#path, { force: true }).catch(() => {});
  }
}

/** The system may take less than it was given. */
async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let left = pieces;
  while (left.length > 0) {
    let { bytesWritten } = await handle.writev(left);
    let whole = 0;
    while (whole < left.length && bytesWritten >= (left[whole] as Uint8Array).length) {
      bytesWritten -= (left[whole] as Uint8Array).length;
      whole++;
    }
    left = left.slice(whole);
    if (bytesWritten > 0) left = [(left[0] as Uint8Array).subarray(bytesWritten), ...left.slice(1)];
  }
}
