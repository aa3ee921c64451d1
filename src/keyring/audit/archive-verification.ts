import { REWRAP } from "../administration/rewrap.ts";
import type { KeyringStore } from "../keyring-store.ts";
import { type ArchiveScan, scanArchive } from "./archive-file.ts";
import { ARCHIVE, type ArchivedPart, parseArchivedPart } from "./archived-part.ts";
import type { AuditHead, AuditRecord } from "./audit-entry.ts";
import { type Broken, broken, ChainCheck, chainKeys, equalHeads } from "./chain-check.ts";
import type { NotedHead } from "./noted-head.ts";

const PAGE = 1000;

type Archive = { readonly file: string } & (ArchiveScan & { readonly ok: true });

/** What remains in the database, which the archives must lead to. */
interface Remainder {
  readonly store: Pick<KeyringStore, "audit">;
  readonly anchor: AuditHead;
  /** The audit key at the anchor. */
  readonly key: Uint8Array;
  readonly noted: NotedHead;
  readonly onProgress: (done: number) => void;
}

/** Archives, in any order, that continue each other up to the anchor; older ones may be gone. */
export async function verifyArchives(
  files: readonly string[],
  { store, anchor, key, noted, onProgress }: Remainder,
): Promise<{ readonly ok: true; readonly first: number } | Broken> {
  const read = await readArchives(files);
  if (!read.ok) return read;
  const { archives, rewraps, parts } = read;
  for (const { detail } of await store.audit({ action: ARCHIVE, limit: PAGE })) {
    parts.push(parseArchivedPart(detail));
  }
  const wrong = gap(archives, anchor);
  if (wrong !== null) return wrong;
  const keys = chainKeys(rewraps, key);
  if (!keys.ok) return keys;
  const start = archives[0]?.after ?? anchor;
  const check = new ChainCheck(start, keys);
  let broke = noted.compare(start);
  for (const { file } of archives) {
    const scan = await scanArchive(file, (record) => {
      broke ??= check.add(record) ?? noted.compare(check.head);
      if (record.sequence % PAGE === 0) onProgress(record.sequence);
    });
    if (!scan.ok) return broken(check.head.sequence + 1, `${file} ${scan.detail}`);
    if (broke !== null) return { ...broke, detail: `${file}: ${broke.detail}` };
  }
  const strange = archives.map((archive) => unrecorded(archive, parts)).find((found) => found !== null);
  return strange ?? { ok: true, first: start.sequence + 1 };
}

/** What has to be known before the chain can be computed: the keys stand at the end. */
async function readArchives(files: readonly string[]): Promise<
  | {
      readonly ok: true;
      readonly archives: readonly Archive[];
      readonly rewraps: readonly AuditRecord[];
      readonly parts: (ArchivedPart | null)[];
    }
  | Broken
> {
  const archives: Archive[] = [];
  const rewraps: AuditRecord[] = [];
  const parts: (ArchivedPart | null)[] = [];
  for (const file of files) {
    let end = 0;
    const scan = await scanArchive(file, (record, after) => {
      end = Math.max(record.sequence, after.sequence);
      if (record.action === REWRAP) rewraps.push(record);
      if (record.action === ARCHIVE) parts.push(parseArchivedPart(record.detail));
    });
    if (!scan.ok) return broken(end + 1, `${file} ${scan.detail}`);
    archives.push({ file, ...scan });
  }
  archives.sort((left, right) => left.after.sequence - right.after.sequence);
  rewraps.sort((left, right) => left.sequence - right.sequence);
  return { ok: true, archives, rewraps, parts };
}

function gap(archives: readonly Archive[], anchor: AuditHead): Broken | null {
  for (const [index, { file, last }] of archives.entries()) {
    const next = archives[index + 1]?.after ?? anchor;
    if (equalHeads(last, next)) continue;
    const missing = last.sequence + 1;
    return broken(
      missing,
      `${file} ends with entry ${last.sequence}, and what follows begins after ${next.sequence}`,
    );
  }
  return null;
}

/** Some later entry tells of every archive, and which octets it has. */
function unrecorded(archive: Archive, parts: readonly (ArchivedPart | null)[]): Broken | null {
  const first = archive.after.sequence + 1;
  const part = parts.find((known) => known?.first === first && equalHeads(known.last, archive.last));
  if (part?.sha256 === archive.sha256) return null;
  return broken(first, `${archive.file} is not the file that was archived: its SHA-256 is another one`);
}
