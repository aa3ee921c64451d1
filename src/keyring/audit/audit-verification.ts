import { REWRAP } from "../administration/rewrap.ts";
import type { KeyringStore } from "../keyring-store.ts";
import type { MasterKey } from "../master-key.ts";
import { verifyArchives } from "./archive-verification.ts";
import { findAnchor } from "./archived-part.ts";
import { AUDIT_CHAIN_START } from "./audit-chain.ts";
import type { AuditHead } from "./audit-entry.ts";
import { type Broken, ChainCheck, type ChainKeys, chainKeys } from "./chain-check.ts";
import { NotedHead } from "./noted-head.ts";

const PAGE = 1000;

export type AuditVerification =
  | {
      readonly ok: true;
      /** The first entry that was verified: those before were archived. */
      readonly first: number;
      readonly count: number;
      readonly head: AuditHead;
    }
  | Broken;

type Log = Pick<KeyringStore, "audit" | "archivedUpTo">;

/**
 * Computes the whole chain again, from the first entry that was not archived.
 *
 * @param options `expect`: a head noted earlier, which must still be there; `archives`: files that continue each other,
 *   whose last entry stands before the log's first
 */
export async function verifyAudit(
  store: Log,
  masterKey: MasterKey,
  options: {
    readonly expect?: AuditHead | null;
    readonly archives?: readonly string[];
    /** @param done the number of the last entry */
    readonly onProgress?: (done: number) => void;
  } = {},
): Promise<AuditVerification> {
  const { expect = null, archives = [], onProgress = () => {} } = options;
  for (;;) {
    const anchor = await findAnchor(store);
    const verified = anchor.ok ? await verifyFrom(anchor) : anchor;
    if (verified.ok) return verified;
    // What is missing was perhaps archived in this moment.
    const now = await findAnchor(store);
    if (!now.ok || (anchor.ok && anchor.sequence === now.sequence)) return verified;
  }

  async function verifyFrom(anchor: AuditHead): Promise<AuditVerification> {
    const keys = await remainingKeys(store, masterKey, anchor);
    if (!keys.ok) return keys;
    const noted = new NotedHead(expect);
    let first = anchor.sequence + 1;
    if (archives.length > 0) {
      const archived = await verifyArchives(archives, { store, anchor, key: keys.first, noted, onProgress });
      if (!archived.ok) return archived;
      first = archived.first;
    }
    const check = new ChainCheck(anchor, keys);
    let wrong = noted.compare(anchor);
    for (let page = await pageAfter(check.head); page.length > 0; page = await pageAfter(check.head)) {
      for (const record of page) {
        wrong ??= check.add(record) ?? noted.compare(check.head);
        if (wrong !== null) return wrong;
      }
      onProgress(check.head.sequence);
    }
    wrong ??= noted.missing(check.head, first);
    return wrong ?? { ok: true, first, count: check.head.sequence - first + 1, head: check.head };
  }

  function pageAfter({ sequence }: AuditHead) {
    return store.audit({ after: sequence, limit: PAGE });
  }
}

/** Of the log that begins after `anchor`. */
export async function remainingKeys(
  store: Pick<KeyringStore, "audit">,
  masterKey: MasterKey,
  anchor: AuditHead,
): Promise<ChainKeys | Broken> {
  return chainKeys(await store.audit({ action: REWRAP, after: anchor.sequence, limit: PAGE }), masterKey);
}

/** The newest entry. */
export async function auditHead(store: Pick<KeyringStore, "audit">): Promise<AuditHead> {
  const [newest] = await store.audit({ limit: 1, newest: true });
  return newest ?? { sequence: 0, chain: AUDIT_CHAIN_START };
}
