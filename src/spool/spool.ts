/** A file of a spool folder: complete, and synced to the disk with the folder's entry. */
export interface SpoolFile {
  /** Unique, and nothing but letters, digits and "-": its name in the folder, and in the queue. */
  readonly name: string;
  readonly octets: number;
  /** From the beginning at each call, in pieces of at most 256 KiB. Rejects with a SpoolError. */
  read(): AsyncIterable<Uint8Array>;
  /** Removes it. Never rejects: what cannot be removed now is swept later. */
  remove(): Promise<void>;
}

/** Octets that were received: in memory, or, when there were too many, in a file. */
export interface SpooledOctets {
  readonly octets: number;
  /** All of them, in order; null where they are in `file`. */
  readonly memory: readonly Uint8Array[] | null;
  readonly file: SpoolFile | null;
  /** From the beginning at each call. */
  read(): AsyncIterable<Uint8Array>;
}

/** Takes octets as they come. Exactly one of `finish` and `discard` ends it. */
export interface SpoolWriter {
  /** A promise that is pending while the disk is behind; rejects with a SpoolError, also for what was written before. */
  write(chunk: Uint8Array): void | Promise<void>;
  /** Octets now in memory. */
  readonly memoryOctets: number;
  /** All is there: a file is synced, and its folder too. Rejects with a SpoolError; then nothing is left behind. */
  finish(): Promise<SpooledOctets>;
  /** Never rejects. */
  discard(): Promise<void>;
}

/** The disk refused: `full` or `broken`. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
  readonly kind: "full" | "broken";

  constructor(kind: "full" | "broken", cause: unknown) {
    super(`spool: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
  }
}

/** A folder of files for what is too large for memory. Several processes may share it. */
export declare class Spool {
  /** Makes the folder (mode 0700) where it is missing. @throws SpoolError when it cannot be written to */
  static open(folder: string, options?: { readonly memoryOctets?: number }): Promise<Spool>;
  /** What is larger than `memoryOctets` (256 KiB unless the spool was opened with another) goes to a file. */
  receive(): SpoolWriter;
  /** A file that is there by its name. */
  file(name: string, octets: number): SpoolFile;
  /**
   * Removes files that nobody needs: older than `olderThanMs`, and not among those that `needed` says are still wanted.
   *
   * @returns how many
   */
  sweep(
    needed: (names: readonly string[]) => Promise<ReadonlySet<string>>,
    olderThanMs: number,
  ): Promise<number>;
}
