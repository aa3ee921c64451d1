import type { RowLocks } from "../sql/dialect.ts";
import type { Program, Statement } from "../sql/program.ts";

/** Runs the queue's programs on one database. What the database cannot do is thrown as a QueueStoreError. */
export interface QueueDriver {
  readonly locks: RowLocks;
  /** A program that reads with one statement, or with several that need not agree. */
  read<T>(program: Program<T>): Promise<T>;
  /**
   * A program that changes something, as one transaction.
   *
   * @param make is asked for it again when the database undid it for others' sake
   */
  change<T>(make: () => Program<T>, options: ChangeOptions): Promise<T>;
  close(): Promise<void>;
}

export interface ChangeOptions {
  /** Statements before those of the program, which come as files are read. */
  readonly first?: () => AsyncIterable<Statement>;
  /** The change is on the disk when this resolves; where nobody is told of it, it need not be. */
  readonly synced: boolean;
  /** It needs room for long, so it is refused as `full` while others that free some can still be made. */
  readonly grows?: boolean;
  /** Takes back what can be where the disk then failed. */
  readonly undo?: () => Program<void>;
}
