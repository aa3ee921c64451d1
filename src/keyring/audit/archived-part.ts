import type { KeyringStore } from "../keyring-store.ts";
import { AUDIT_CHAIN_START } from "./audit-chain.ts";
import type { AuditHead } from "./audit-entry.ts";

// The beginning of the log may leave the database for a file. The entry that tells so is chained like all others, and
// holds what the next entry's chain value is computed from: so it is the anchor of what remains (decision 0082).

/** The audit action whose entry tells what was archived. */
export const ARCHIVE = "audit.archive";

/** Entries that were written to a file, to be removed from the database. */
export interface ArchivedPart {
  readonly first: number;
  readonly last: AuditHead;
  /** Of the file; hexadecimal. */
  readonly sha256: string;
}

/** The detail of the entry. The store's schema knows how it begins. */
export function formatArchivedPart({ first, last, sha256 }: ArchivedPart): string {
  const chain = Buffer.from(last.chain).toString("hex");
  return `entries ${first} to ${last.sequence}, chain ${chain}, SHA-256 ${sha256}`;
}

/** Null for anything else than {@link formatArchivedPart} writes. */
export function parseArchivedPart(detail: string | null): ArchivedPart | null {
  const form = /^entries (\d{1,15}) to (\d{1,15}), chain ([0-9a-f]{64}), SHA-256 ([0-9a-f]{64})$/;
  const [, first, last, chain = "", sha256 = ""] = form.exec(detail ?? "") ?? [];
  if (first === undefined) return null;
  const octets = new Uint8Array(Buffer.from(chain, "hex"));
  return { first: Number(first), last: { sequence: Number(last), chain: octets }, sha256 };
}

/** What stands before the first entry that was not archived. */
export type Anchor =
  | ({ readonly ok: true } & AuditHead)
  | { readonly ok: false; readonly brokenAt: number; readonly detail: string };

/** As the newest entry about an archive has it: true only if the log that begins there verifies. */
export async function findAnchor(store: Pick<KeyringStore, "audit" | "archivedUpTo">): Promise<Anchor> {
  const removable = await store.archivedUpTo();
  const [entry] = await store.audit({ action: ARCHIVE, limit: 1, newest: true });
  const part = entry === undefined ? null : parseArchivedPart(entry.detail);
  if (entry !== undefined && (part === null || part.last.sequence >= entry.sequence)) {
    const { sequence } = entry;
    return { ok: false, brokenAt: sequence, detail: `entry ${sequence} is not what was written there` };
  }
  const anchor = part?.last ?? { sequence: 0, chain: AUDIT_CHAIN_START };
  if (removable !== anchor.sequence) {
    const detail = `entries up to ${removable} are marked as archived, and the log tells of ${anchor.sequence}`;
    return { ok: false, brokenAt: Math.min(removable, anchor.sequence) + 1, detail };
  }
  return { ok: true, ...anchor };
}
