import { QueueStoreError, type StoredMessage } from "../../queue/index.ts";
import { type Spool, SpoolError, type SpoolFile } from "../../spool/index.ts";
import type { Program, Statement } from "../sql/program.ts";

/** Where the octets of large messages are (decision 0084). Files are known by their names. */
export interface LargeContents {
  /** Statements that belong into the transaction which inserts messages with these files; null: none. */
  store(files: readonly SpoolFile[]): (() => AsyncIterable<Statement>) | null;
  /** Belongs into the transaction after which nothing tells of these files any more. */
  forget(names: readonly string[]): Program<void>;
  /** After a commit that took over files and ended others. */
  committed(taken: readonly SpoolFile[], ended: readonly string[]): Promise<void>;
  /** From the beginning. Rejects with a QueueStoreError. */
  read(name: string, octets: number): AsyncIterable<Uint8Array>;
  /** Removes what was left behind. */
  sweep(): Promise<void>;
}

/** Whoever made a file that is older had it enqueued, or is gone. */
const ABANDONED_MS = 2 * 3_600_000;

export function filesOf(messages: readonly StoredMessage[]): readonly SpoolFile[] {
  return [...new Set(messages.flatMap(({ content: { file } }) => (file === null ? [] : [file])))];
}

/** @throws QueueStoreError */
export async function* readSpooled(file: SpoolFile): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* file.read();
  } catch (error) {
    refuse(error);
  }
}

/** @throws QueueStoreError */
export async function sweepSpool(
  spool: Spool,
  needed: (names: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<void> {
  await spool.sweep(needed, ABANDONED_MS).catch(refuse);
}

function refuse(error: unknown): never {
  throw error instanceof SpoolError ? new QueueStoreError(error.kind, error) : error;
}
