import type { ChangeFeed } from "../../keyring/index.ts";
import type { Program } from "./program.ts";

/** What a change comes to. */
export interface Change<T> {
  readonly answer: T;
  /** False: nothing of it shall have happened. */
  readonly keep: boolean;
  /** Accounts and domains that changed: see {@link ChangeFeed}. */
  readonly subjects: ReadonlySet<string>;
}

/** Runs programs on one database. What the database cannot do is thrown as a KeyringStoreError. */
export interface SqlDriver extends ChangeFeed {
  /** A program that reads with one statement, or with several that need not agree. */
  read<T>(program: Program<T>): Promise<T>;
  /** A program that reads with several statements that see one state. */
  readSnapshot<T>(program: Program<T>): Promise<T>;
  /** A program that changes something: one transaction, one at a time over all processes, durable when it is done. */
  change<T>(program: Program<Change<T>>): Promise<T>;
  close(): Promise<void>;
}
