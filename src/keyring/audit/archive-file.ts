import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline/promises";
import { Readable } from "node:stream";
import type { AuditHead, AuditRecord } from "./audit-entry.ts";
import { auditObject, formatAuditHead, parseAuditHead, parseAuditObject } from "./audit-text.ts";

/** Changes with the form of the lines. */
const VERSION = 1;

/**
 * Writes an archive under another name until it is whole and on the disk. Its first line tells which entry stands before,
 * the others are entries.
 */
export class ArchiveWriter {
  readonly #file: string;
  readonly #unfinished: string;
  readonly #descriptor: number;
  readonly #hash = createHash("sha256");

  /** @throws the file system's error */
  constructor(file: string, after: AuditHead) {
    this.#file = file;
    this.#unfinished = `${file}.part`;
    rmSync(this.#unfinished, { force: true });
    this.#descriptor = openSync(this.#unfinished, "wx", 0o600);
    this.#write({ "vsmtp-audit-archive": VERSION, after: formatAuditHead(after) });
  }

  add(records: readonly AuditRecord[]): void {
    this.#write(...records.map(auditObject));
  }

  /** @returns the SHA-256 of the file, which is on the disk under its name now, hexadecimal */
  finish(): string {
    fsyncSync(this.#descriptor);
    linkSync(this.#unfinished, this.#file); // never overwrites
    if (statSync(this.#file).ino !== fstatSync(this.#descriptor).ino) {
      throw new Error(`${this.#file}: another process writes it at the same time`);
    }
    syncName(this.#file);
    return this.#hash.digest("hex");
  }

  /** What was not finished is gone. */
  close(): void {
    closeSync(this.#descriptor);
    rmSync(this.#unfinished, { force: true });
  }

  #write(...objects: readonly object[]): void {
    const octets = Buffer.from(objects.map((object) => `${JSON.stringify(object)}\n`).join(""));
    this.#hash.update(octets);
    for (let done = 0; done < octets.length; ) done += writeSync(this.#descriptor, octets, done);
  }
}

export type ArchiveScan =
  | { readonly ok: true; readonly after: AuditHead; readonly last: AuditHead; readonly sha256: string }
  | { readonly ok: false; readonly detail: string };

/**
 * Reads an archive; whether its entries are as they were written is for `visit` to find out.
 *
 * @throws the file system's error
 */
export async function scanArchive(
  file: string,
  visit: (record: AuditRecord, after: AuditHead) => void,
): Promise<ArchiveScan> {
  const hash = createHash("sha256");
  const lines = createInterface({ input: Readable.from(hashed(file, hash)) });
  let after: AuditHead | null = null;
  let last: AuditHead | null = null;
  let number = 0;
  for await (const line of lines) {
    number++;
    const written = parseJson(line);
    if (after === null) {
      after = parseHeader(written);
      if (after === null) return { ok: false, detail: "is no archive of an audit log" };
      continue;
    }
    const record = parseAuditObject(written);
    if (record === null) return { ok: false, detail: `line ${number} is damaged` };
    visit(record, after);
    last = record;
  }
  if (after === null || last === null) return { ok: false, detail: "is no archive of an audit log" };
  return { ok: true, after, last, sha256: hash.digest("hex") };
}

async function* hashed(file: string, hash: Hash): AsyncGenerator<Buffer> {
  for await (const octets of createReadStream(file)) {
    hash.update(octets as Buffer);
    yield octets as Buffer;
  }
}

function parseHeader(written: unknown): AuditHead | null {
  const { "vsmtp-audit-archive": version, after } = (written ?? {}) as Record<string, unknown>;
  return version === VERSION && typeof after === "string" ? parseAuditHead(after) : null;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Sees to it that a file has its name on the disk, too. */
export function syncName(file: string): void {
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
