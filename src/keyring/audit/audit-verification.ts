import { timingSafeEqual } from "node:crypto";
import { REWRAP } from "../administration/rewrap.ts";
import type { KeyringStore } from "../keyring-store.ts";
import { type MasterKey, MasterKeyError } from "../master-key.ts";
import { AUDIT_CHAIN_START, auditChain, auditKeyOf, openAuditKey } from "./audit-chain.ts";
import type { AuditRecord } from "./audit-entry.ts";

const PAGE = 1000;

/** Where the log stood: to be noted elsewhere, so that a log that was cut off shows. */
export interface AuditHead {
  /** The number of the last entry; 0 for an empty log. */
  readonly sequence: number;
  readonly chain: Uint8Array;
}

export type AuditVerification =
  | { readonly ok: true; readonly count: number; readonly head: AuditHead }
  /** Everything before entry `brokenAt` is as it was written. */
  | { readonly ok: false; readonly brokenAt: number; readonly detail: string };

/**
 * Computes the whole chain again.
 *
 * @param options `expect`: a head noted earlier, which the log must still contain
 */
export async function verifyAudit(
  store: Pick<KeyringStore, "audit">,
  masterKey: MasterKey,
  {
    expect = null,
    onProgress = () => {},
  }: { readonly expect?: AuditHead | null; readonly onProgress?: (done: number) => void } = {},
): Promise<AuditVerification> {
  const keys = await auditKeys(store, masterKey);
  if (!keys.ok) return keys;
  let head: AuditHead = { sequence: 0, chain: AUDIT_CHAIN_START };
  let key = keys.first;
  for (;;) {
    const page = await store.audit({ after: head.sequence, limit: PAGE });
    if (page.length === 0) break;
    for (const record of page) {
      const { sequence } = record;
      const expected = head.sequence + 1;
      if (sequence !== expected) return broken(expected, `entry ${expected} is missing`);
      const chain = auditChain(key, head.chain, record);
      if (!equal(chain, record.chain))
        return broken(sequence, `entry ${sequence} is not what was written there`);
      if (sequence === expect?.sequence && !equal(chain, expect.chain)) {
        return broken(sequence, `entry ${sequence} is not the one that was noted`);
      }
      head = { sequence, chain };
      key = keys.after.get(sequence) ?? key;
    }
    onProgress(head.sequence);
  }
  if (expect !== null && head.sequence < expect.sequence) {
    const next = head.sequence + 1;
    return broken(next, `the log ends before entry ${next}; entry ${expect.sequence} was noted`);
  }
  return { ok: true, count: head.sequence, head };
}

/** Each re-wrap changed the key, and its entry holds the key before under the one after: opened from the end. */
async function auditKeys(
  store: Pick<KeyringStore, "audit">,
  masterKey: MasterKey,
): Promise<
  | { readonly ok: true; readonly first: Uint8Array; readonly after: ReadonlyMap<number, Uint8Array> }
  | (AuditVerification & { readonly ok: false })
> {
  const rewraps = await store.audit({ action: REWRAP, limit: PAGE });
  const after = new Map<number, Uint8Array>();
  let key = auditKeyOf(masterKey);
  for (const { sequence, detail } of [...rewraps].reverse()) {
    after.set(sequence, key);
    try {
      key = openAuditKey(detail ?? "", key);
    } catch (error) {
      if (!(error instanceof MasterKeyError)) throw error;
      return broken(sequence, `entry ${sequence} is not what was written there`);
    }
  }
  return { ok: true, first: key, after };
}

/** The newest entry. */
export async function auditHead(store: Pick<KeyringStore, "audit">): Promise<AuditHead> {
  const [newest] = await store.audit({ limit: 1, newest: true });
  return newest ?? { sequence: 0, chain: AUDIT_CHAIN_START };
}

function broken(brokenAt: number, detail: string): AuditVerification & { readonly ok: false } {
  return { ok: false, brokenAt, detail };
}

function equal(left: AuditRecord["chain"], right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
