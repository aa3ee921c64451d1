import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { ArchiveWriter, scanArchive, syncName } from "../audit/archive-file.ts";
import {
  ARCHIVE,
  type ArchivedPart,
  findAnchor,
  formatArchivedPart,
  parseArchivedPart,
} from "../audit/archived-part.ts";
import type { AuditHead } from "../audit/audit-entry.ts";
import { remainingKeys } from "../audit/audit-verification.ts";
import { type Broken, ChainCheck, equalHeads } from "../audit/chain-check.ts";
import type { KeyringStore } from "../keyring-store.ts";
import type { Administration } from "./administration.ts";

/** Entries that are in memory at once. */
const PAGE = 1000;
/** After each batch that is removed, so that those who sign come first. */
const PAUSE_MS = 5;

export interface ArchiveOptions {
  /** Unix milliseconds: entries up to the first that is not older. */
  readonly before: number;
  /** It is made with mode 0600; never overwritten. */
  readonly file: string;
  readonly onProgress?: (work: "writing" | "removing", done: number) => void;
}

export type ArchiveOutcome =
  | ({ readonly kind: "archived"; readonly removed: number } & ArchivedPart)
  /** No entry is that old. `removed`: what an earlier run had left */
  | { readonly kind: "nothing"; readonly removed: number }
  /** The file is there, and holds something else. */
  | { readonly kind: "exists" }
  /** Another run came first. */
  | { readonly kind: "meanwhile" }
  /** The log is not whole: it stays as it is. */
  | { readonly kind: "broken"; readonly broken: Broken };

/**
 * Moves the beginning of the log to a file: written, on the disk, logged, and only then removed, batch by batch. Broken
 * off anywhere, it goes on when it is called again with the same file; the log verifies at every moment.
 *
 * @throws KeyringStoreError, and the file system's errors
 */
export async function archiveAudit(
  administration: Administration,
  { before, file, onProgress = () => {} }: ArchiveOptions,
): Promise<ArchiveOutcome> {
  const { store } = administration;
  const anchor = await findAnchor(store);
  if (!anchor.ok) return { kind: "broken", broken: anchor };
  const left = await removeAll(store, onProgress);
  const check = await checkFrom(administration, anchor);
  if (!check.ok) return { kind: "broken", broken: check };
  const part = existsSync(file)
    ? await unrecordedPart(file, before, check)
    : await writePart(store, { before, file, onProgress }, check);
  if (part === null && left > 0) {
    const recorded = await recordedPart(store, file);
    if (recorded !== null) return { kind: "archived", ...recorded, removed: left };
  }
  if (part === null) return { kind: "exists" };
  if ("kind" in part) return part.kind === "nothing" ? { ...part, removed: left } : part;
  const entry = administration.entry(ARCHIVE, { subject: file, detail: formatArchivedPart(part) });
  if (!(await store.archive(anchor.sequence, part.last, entry))) return { kind: "meanwhile" };
  return { kind: "archived", ...part, removed: left + (await removeAll(store, onProgress)) };
}

async function checkFrom(
  { store, masterKey }: Administration,
  anchor: AuditHead,
): Promise<({ readonly ok: true } & { readonly chain: ChainCheck }) | Broken> {
  const keys = await remainingKeys(store, masterKey, anchor);
  return keys.ok ? { ok: true, chain: new ChainCheck(anchor, keys) } : keys;
}

/** Nothing leaves the database that does not verify: afterwards nobody could tell who altered it. */
async function writePart(
  store: KeyringStore,
  { before, file, onProgress }: Required<ArchiveOptions>,
  { chain }: { readonly chain: ChainCheck },
): Promise<ArchivedPart | { kind: "nothing" } | { kind: "broken"; broken: Broken }> {
  const start = chain.head;
  let writer: ArchiveWriter | null = null;
  try {
    for (let more = true; more; ) {
      const page = await store.audit({ after: chain.head.sequence, limit: PAGE });
      const end = page.findIndex(({ at }) => at >= before);
      const older = end < 0 ? page : page.slice(0, end);
      for (const record of older) {
        const broken = chain.add(record);
        if (broken !== null) return { kind: "broken", broken };
      }
      more = older.length === PAGE;
      if (older.length === 0) continue;
      writer ??= new ArchiveWriter(file, start);
      writer.add(older);
      onProgress("writing", chain.head.sequence - start.sequence);
    }
    if (writer === null) return { kind: "nothing" };
    return { first: start.sequence + 1, last: chain.head, sha256: writer.finish() };
  } finally {
    writer?.close();
  }
}

/** What a run wrote that was broken off before it was logged; null for any other file. */
async function unrecordedPart(
  file: string,
  before: number,
  { chain }: { readonly chain: ChainCheck },
): Promise<ArchivedPart | null> {
  const start = chain.head;
  let fits = true;
  const scan = await scanArchive(file, (record, after) => {
    fits &&= equalHeads(after, start) && record.at < before && chain.add(record) === null;
  });
  if (!fits || !scan.ok) return null;
  syncName(file);
  return { first: start.sequence + 1, last: scan.last, sha256: scan.sha256 };
}

/** What a run wrote that was broken off while it removed; null for any other file. */
async function recordedPart(store: KeyringStore, file: string): Promise<ArchivedPart | null> {
  const [entry] = await store.audit({ action: ARCHIVE, limit: 1, newest: true });
  const part = parseArchivedPart(entry?.detail ?? null);
  const scan = await scanArchive(file, () => {});
  return scan.ok && scan.sha256 === part?.sha256 ? part : null;
}

async function removeAll(
  store: KeyringStore,
  onProgress: Required<ArchiveOptions>["onProgress"],
): Promise<number> {
  let removed = 0;
  for (let batch = await store.removeArchived(); batch > 0; batch = await store.removeArchived()) {
    removed += batch;
    onProgress("removing", removed);
    await setTimeout(PAUSE_MS);
  }
  return removed;
}
