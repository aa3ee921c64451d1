import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { HostAndPort } from "../config/index.ts";

/** New clients are turned away, or sent elsewhere, until further notice. */
export interface Drain {
  /** Where `-FW` sends them; null: they are told to come back later. */
  readonly to: HostAndPort | null;
  /** Unix seconds. */
  readonly since: number;
}

/** What a process of the key server says of itself. */
export interface KeyServerProcess {
  readonly pid: number;
  /** How many clients are connected. */
  readonly connections: number;
  /** {@link Drain.since} of the drain that it obeys; null: none. */
  readonly drainedSince: number | null;
  /** When it said so, Unix milliseconds. */
  readonly at: number;
}

const place = z.strictObject({ host: z.string(), port: z.number() });
const drainFile = z.strictObject({ to: place.nullable(), since: z.number() });
const processFile = z.strictObject({
  pid: z.number(),
  connections: z.number(),
  drainedSince: z.number().nullable(),
  at: z.number(),
});

/** A process that said nothing for so long is gone, or stuck. */
const SILENT_MS = 15_000;

/**
 * How an operator's command and the running key servers of one host speak: through files in their data directory,
 * which outlive both. `key-server.drain` is the command's; each process tells about itself in one of its own.
 */
export class KeyServerControl {
  readonly #folder: string;
  readonly #drainFile: string;

  constructor(dataDirectory: string) {
    this.#folder = dataDirectory;
    this.#drainFile = join(dataDirectory, "key-server.drain");
  }

  /** In force, also after a crash of the machine, when the promise is resolved. */
  async drain(drain: Drain): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#drainFile}.${process.pid}`;
    // Readable by the user that serves, whoever gives the command: there is nothing secret in it.
    const file = await open(draft, "w", 0o644);
    try {
      await file.writeFile(`${JSON.stringify(drain)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#drainFile);
    await this.#syncFolder();
  }

  async resume(): Promise<void> {
    await rm(this.#drainFile, { force: true });
    await this.#syncFolder();
  }

  /** @throws Error when the file cannot be read or was not written by this program */
  async current(): Promise<Drain | null> {
    const text = await textOf(this.#drainFile);
    return text === null ? null : drainFile.parse(JSON.parse(text));
  }

  /** Tells about this process. */
  async report(process: KeyServerProcess): Promise<void> {
    const file = this.#processFile(process.pid);
    const draft = `${file}.new`;
    await writeFile(draft, `${JSON.stringify(process)}\n`, { mode: 0o644 });
    await rename(draft, file);
  }

  /** This process ends. */
  async withdraw(pid: number): Promise<void> {
    await rm(this.#processFile(pid), { force: true });
  }

  /** Those that run, by process id. */
  async processes(): Promise<readonly KeyServerProcess[]> {
    return (await this.#reports()).filter(isHeard).sort((a, b) => a.pid - b.pid);
  }

  /** Takes away what processes left that were killed. */
  async tidy(): Promise<void> {
    for (const report of await this.#reports()) if (!isHeard(report)) await this.withdraw(report.pid);
  }

  async #reports(): Promise<KeyServerProcess[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const reports: KeyServerProcess[] = [];
    for (const name of names) {
      if (!/^key-server\.\d+\.process$/.test(name)) continue;
      const text = await textOf(join(this.#folder, name));
      if (text !== null) reports.push(processFile.parse(JSON.parse(text)));
    }
    return reports;
  }

  #processFile(pid: number): string {
    return join(this.#folder, `key-server.${pid}.process`);
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, "r");
    await folder.sync().finally(() => folder.close());
  }
}

function isHeard({ at }: KeyServerProcess): boolean {
  return Date.now() - at < SILENT_MS;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
