import { randomUUID } from "node:crypto";
import { access, constants, mkdir, open, opendir, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { spoolError } from "./spool-error.ts";
import { PlacedSpoolFile, type SpoolFile } from "./spool-file.ts";
import { FileSpoolWriter, type SpoolWriter } from "./spool-writer.ts";

const defaultMemoryOctets = 256 << 10;
/** What is asked about at a time. */
const sweptNames = 500;

/** A folder of files for what is too large for memory. Several processes may share it. */
export class Spool {
  /** What is larger than this goes to a file. */
  readonly memoryOctets: number;
  readonly #folder: string;
  readonly #durable: boolean;

  private constructor(folder: string, memoryOctets: number, durable: boolean) {
    this.#folder = folder;
    this.memoryOctets = memoryOctets;
    this.#durable = durable;
  }

  /**
   * Makes the folder (mode 0700) where it is missing.
   *
   * @param options `durable: false` for what nobody was promised: files are not synced
   * @throws SpoolError when it cannot be written to
   */
  static async open(
    folder: string,
    options: { readonly memoryOctets?: number; readonly durable?: boolean } = {},
  ): Promise<Spool> {
    try {
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      // A file is as safe as the entries of the folders that lead to it.
      if (made !== undefined) {
        const first = resolve(made);
        let folderMade = resolve(folder);
        for (; folderMade !== first; folderMade = dirname(folderMade)) await syncFolder(dirname(folderMade));
        await syncFolder(dirname(first));
      }
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw spoolError(cause);
    }
    return new Spool(folder, options.memoryOctets ?? defaultMemoryOctets, options.durable ?? true);
  }

  /** What is larger than `memoryOctets` (256 KiB unless the spool was opened with another) goes to a file. */
  receive(): SpoolWriter {
    return new FileSpoolWriter({
      newPath: () => join(this.#folder, randomUUID()),
      memoryOctets: this.memoryOctets,
      syncFolder: this.#durable ? () => syncFolder(this.#folder) : null,
    });
  }

  /** A file that is there by its name. */
  file(name: string, octets: number): SpoolFile {
    if (!isSpoolName(name)) throw new RangeError(`not the name of a spool file: ${name}`);
    return new PlacedSpoolFile(join(this.#folder, name), octets);
  }

  /**
   * Removes files that nobody needs: older than `olderThanMs`, and not among those that `needed` says are still wanted.
   *
   * @returns how many
   */
  async sweep(
    needed: (names: readonly string[]) => Promise<ReadonlySet<string>>,
    olderThanMs: number,
  ): Promise<number> {
    let removed = 0;
    let old: string[] = [];
    const removeUnneeded = async (): Promise<void> => {
      if (old.length === 0) return;
      const wanted = await needed(old);
      const unneeded = old.filter((name) => !wanted.has(name));
      old = [];
      for (const name of unneeded) {
        const gone = rm(join(this.#folder, name)).then(() => true);
        if (await orNull(gone)) removed++;
      }
    };
    for (const name of await this.#oldFiles(Date.now() - olderThanMs)) {
      old.push(name);
      if (old.length === sweptNames) await removeUnneeded();
    }
    await removeUnneeded();
    return removed;
  }

  async #oldFiles(before: number): Promise<readonly string[]> {
    const names: string[] = [];
    try {
      for await (const entry of await opendir(this.#folder)) {
        if (!entry.isFile() || !isSpoolName(entry.name)) continue;
        const found = await orNull(stat(join(this.#folder, entry.name)));
        if (found !== null && found.mtimeMs < before) names.push(entry.name);
      }
    } catch (cause) {
      throw spoolError(cause);
    }
    return names;
  }
}

/** Files of others are not touched, wherever the folder is. */
function isSpoolName(name: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);
}

/** Another process may have removed the file; what cannot be removed now is swept later. */
function orNull<T>(what: Promise<T>): Promise<T | null> {
  return what.catch(() => null);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
