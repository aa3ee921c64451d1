import type { RowLocks } from "../sql/dialect.ts";
import type { Program } from "../sql/program.ts";

/** Runs the mail log's programs on one database. What the database cannot do is thrown as a MailLogStoreError. */
export interface LogDriver {
  readonly locks: RowLocks;
  /** A program that reads with one statement, or with several that need not agree. */
  read<T>(program: Program<T>): Promise<T>;
  /**
   * A program that changes something, as one transaction.
   */
  change<T>(program: Program<T>, options: LogChangeOptions): Promise<T>;
  close(): Promise<void>;
}

export interface LogChangeOptions {
  /** It is on the disk when this resolves; else a power failure may undo it. */
  readonly synced: boolean;
  /** It needs room for long, so it is refused as `full` while others may still have some. */
  readonly grows: boolean;
}
