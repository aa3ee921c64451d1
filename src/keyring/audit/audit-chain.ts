import { createHmac, type KeyObject } from "node:crypto";
import { MasterKey } from "../master-key.ts";
import type { AuditEntry } from "./audit-entry.ts";

// The audit log is a chain: each entry carries an HMAC over the one before and itself. Who lacks the key, which is
// derived from the master key, can neither change, insert, remove nor reorder entries unseen; entries missing at the
// end show by comparison with a head noted elsewhere (decision 0065).

/** The key of the chain, which the store is given when it is opened. */
export function auditKeyOf(masterKey: MasterKey): Uint8Array {
  return masterKey.derive("audit");
}

/** What stands before the first entry. */
export const AUDIT_CHAIN_START: Uint8Array = new Uint8Array(32);

/**
 * The chain value of an entry, 32 octets.
 *
 * @param auditKey as KeyObject where it is used again and again: that is five times as fast
 * @param previous the chain value of the entry before
 */
export function auditChain(
  auditKey: Uint8Array | KeyObject,
  previous: Uint8Array,
  entry: AuditEntry,
): Uint8Array {
  return new Uint8Array(
    createHmac("sha256", auditKey)
      .update(previous)
      .update(JSON.stringify(auditFields(entry)))
      .digest(),
  );
}

const AUDIT_KEY_CONTEXT = "audit key before";

/** The audit key of a master key that was replaced, for whoever has the next one's. base64url. */
export function sealAuditKey(auditKey: Uint8Array, next: Uint8Array): string {
  return Buffer.from(new MasterKey(next).seal(auditKey, AUDIT_KEY_CONTEXT)).toString("base64url");
}

/** Null when it is none that was sealed for this key. */
export function openAuditKey(sealed: string, next: Uint8Array): Uint8Array | null {
  return new MasterKey(next).openIfOwn(Buffer.from(sealed, "base64url"), AUDIT_KEY_CONTEXT);
}

/** What is chained and stored of an entry. In JSON this is one text for one entry: its order stays for ever. */
export function auditFields(entry: AuditEntry): readonly (string | number | null)[] {
  return [
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
  ];
}
