import { createHmac } from "node:crypto";
import type { AuditEntry } from "./audit-entry.ts";

// The audit log is a chain: each entry carries an HMAC over the one before and itself. Who lacks the key, which is
// derived from the master key, can neither change, insert, remove nor reorder entries unseen; entries missing at the
// end show by comparison with a head noted elsewhere (decision 0065).

/** What stands before the first entry. */
export const AUDIT_CHAIN_START: Uint8Array = new Uint8Array(32);

/** The chain value of an entry, 32 octets. @param previous the chain value of the entry before */
export function auditChain(auditKey: Uint8Array, previous: Uint8Array, entry: AuditEntry): Uint8Array {
  return createHmac("sha256", auditKey).update(previous).update(canonicalText(entry)).digest();
}

/** One text for one entry, the same in every store and for ever. */
function canonicalText(entry: AuditEntry): string {
  return JSON.stringify([
    entry.at,
    entry.actor,
    entry.action,
    entry.account,
    entry.subject,
    entry.kid,
    entry.messageIdHash,
    entry.recipients,
    entry.client,
    entry.outcome,
    entry.detail,
  ]);
}
