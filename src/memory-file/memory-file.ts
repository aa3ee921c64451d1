import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Entries that outlive the process. They are a memory: what is lost is learnt again. */
export interface MemoryFile<E> {
  /** What was written last; nothing when that cannot be read. */
  read(): readonly E[];
  /** Soon writes what `entries` then gives; many calls make one write. */
  write(entries: () => Iterable<E>): void;
  /** Writes what is still to be written. Never rejects. */
  close(): Promise<void>;
}

export interface MemoryFileOptions<E> {
  readonly path: string;
  /** What is something else in the file is left out. */
  readonly isEntry: (value: unknown) => value is E;
  /** Is told when it cannot be written. */
  readonly onFailure: (cause: unknown) => void;
  /** Default 10 s. */
  readonly writeAfterMs?: number;
}

const form = 1;
/** Mail goes on between two parts of a large memory. */
const entriesATurn = 500;

export function openMemoryFile<E>(options: MemoryFileOptions<E>): MemoryFile<E> {
  const { path, isEntry, onFailure, writeAfterMs = 10_000 } = options;
  let timer: NodeJS.Timeout | null = null;
  let wanted: (() => Iterable<E>) | null = null;
  let writing = Promise.resolve();
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const entries = wanted;
    wanted = null;
    if (entries === null) return;
    writing = writing.then(() => save(path, entries())).catch(onFailure);
  };
  return {
    read: () => load(path, isEntry),
    write: (entries) => {
      wanted = entries;
      timer ??= setTimeout(flush, writeAfterMs).unref();
    },
    close: () => {
      flush();
      return writing;
    },
  };
}

async function save<E>(path: string, entries: Iterable<E>): Promise<void> {
  // Never half a file: readers find this one or the one before. Processes that share it do not mix their halves.
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, jsonParts(entries), { mode: 0o600 });
  await rename(fresh, path);
}

async function* jsonParts<E>(entries: Iterable<E>): AsyncGenerator<string> {
  let part = `{"form":${form},"entries":[`;
  let count = 0;
  for (const entry of entries) {
    part += `${count++ === 0 ? "" : ","}\n${JSON.stringify(entry)}`;
    if (count % entriesATurn > 0) continue;
    yield part;
    part = "";
    await nextTurn();
  }
  yield `${part}\n]}\n`;
}

function load<E>(path: string, isEntry: (value: unknown) => value is E): E[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return [];
  }
  const { form: found, entries } = (content ?? {}) as { form?: unknown; entries?: unknown };
  return found === form && Array.isArray(entries) ? entries.filter(isEntry) : [];
}
