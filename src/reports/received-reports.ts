import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AggregateReport } from "./aggregate-report.ts";
import { unpackAggregateReport } from "./unpack-aggregate-report.ts";

/** A report that came in, or a file that is none. */
export type ReceivedReport =
  | { readonly ok: true; readonly file: string; readonly report: AggregateReport }
  | { readonly ok: false; readonly file: string; readonly problem: string };

export interface FolderLimits {
  readonly files: number;
  /** A reporter proved who it is; that does not make it honest. */
  readonly filesPerReporter: number;
  /** Of all files together: the disk is there for mail. */
  readonly octets: number;
}

const DEFAULT_LIMITS: FolderLimits = { files: 50_000, filesPerReporter: 1000, octets: 1 << 30 };

/** Reports of others on our mail: a folder with a file for each, as it was sent. */
export class ReceivedReports {
  readonly #folder: string;
  readonly #limits: FolderLimits;
  /** As far as this process knows; null: to be counted. */
  #octets: number | null = null;

  constructor(folder: string, limits: FolderLimits = DEFAULT_LIMITS) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /**
   * Keeps a report, durable when this resolves. One that comes again replaces the one before.
   *
   * @returns why it is not kept; null: it is
   * @throws the system's error when the file system refuses
   */
  async add(report: AggregateReport, packed: Uint8Array): Promise<string | null> {
    const name = nameOf(report);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#folder);
    if (!names.includes(name)) {
      const reporter = `${hashOf(report.reporter)}-`;
      if (names.length >= this.#limits.files) return `there are ${names.length} reports already`;
      const others = names.filter((other) => other.startsWith(reporter)).length;
      if (others >= this.#limits.filesPerReporter) return `there are ${others} of ${report.reporter} already`;
    }
    this.#octets ??= await this.#sizeOf(names);
    if (this.#octets + packed.length > this.#limits.octets) return `there are ${this.#octets} octets already`;
    this.#octets += packed.length;
    const temporary = join(this.#folder, `.${randomUUID()}`);
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(packed);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.#folder, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const folder = await open(this.#folder, "r");
    await folder.sync().finally(() => folder.close());
    return null;
  }

  /** All reports, in no order; what is no report is said, not thrown. */
  async *list(): AsyncGenerator<ReceivedReport> {
    for (const name of await this.#names()) yield readReportFile(join(this.#folder, name));
  }

  /** Removes reports that came before a time, Unix milliseconds, and what was left of their writing. Nothing else that is there. */
  async forget(before: number): Promise<void> {
    for (const name of await this.#entries()) {
      if (!OURS.test(name)) continue;
      const path = join(this.#folder, name);
      // Another process may be at it, too.
      const found = await stat(path).catch(() => null);
      if (found !== null && found.mtimeMs < before) await rm(path, { force: true });
    }
    this.#octets = null;
  }

  async #sizeOf(names: readonly string[]): Promise<number> {
    let octets = 0;
    for (const name of names) octets += (await stat(join(this.#folder, name)).catch(() => null))?.size ?? 0;
    return octets;
  }

  /** Without those that are being written, or were when a process ended. */
  async #names(): Promise<string[]> {
    return (await this.#entries()).filter((name) => !name.startsWith("."));
  }

  async #entries(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }
}

/** Reads the file of one report, as it was attached. @throws the system's error when it cannot be read */
export async function readReportFile(file: string): Promise<ReceivedReport> {
  const unpacked = await unpackAggregateReport(await readFile(file));
  return { ...unpacked, file };
}

/** As `nameOf` makes them, and temporary ones: whoever names a folder of other things in the settings must not lose these. */
const OURS = /^(?:[0-9a-f]{16}-\d+-\d+-[0-9a-f]{16}\.json\.gz|\.[0-9a-f-]{36})$/;

/** The reporter's words are in it as hashes only. */
function nameOf({ reporter, domain, begin, end }: AggregateReport): string {
  return `${hashOf(reporter)}-${begin}-${end}-${hashOf(domain)}.json.gz`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
