import { auditKeyOf, sealAuditKey } from "../audit/audit-chain.ts";
import { credentialContext } from "../credentials/credential-secret.ts";
import { resealDecoySecret } from "../decoy-secret.ts";
import { accountKeyContext, statementKeyContext } from "../key-pair.ts";
import type { Reseal } from "../keyring-store.ts";
import type { MasterKey } from "../master-key.ts";
import type { Administration } from "./administration.ts";

/** The audit action whose entry ends the part of the log that is chained under the master key before. */
export const REWRAP = "master-key.rewrap";

/**
 * Seals everything under another master key. Broken off, it is begun again with the same two keys; until it is
 * done the store belongs to the old one. No other process may have the store open.
 */
export async function rewrap(
  administration: Administration,
  next: MasterKey,
  onProgress: (done: number, of: number) => void,
): Promise<void> {
  const { store, masterKey } = administration;
  const entry = administration.entry(REWRAP, {
    // So that the log's older part can be verified with the new master key alone.
    detail: sealAuditKey(auditKeyOf(masterKey), auditKeyOf(next)),
  });
  const decoySecret = resealDecoySecret(await store.decoySecret(), masterKey, next);
  await store.rewrap(resealer(masterKey, next), { check: next.check, decoySecret }, entry, onProgress);
}

function resealer(before: MasterKey, next: MasterKey): Reseal {
  return (sealed, what) => {
    const context = contextOf(what);
    const secret = before.openIfOwn(sealed, context);
    if (secret === null) {
      // Done by an earlier run that was broken off; or damaged, which is thrown.
      next.open(sealed, context).fill(0);
      return null;
    }
    try {
      return next.seal(secret, context);
    } finally {
      secret.fill(0);
    }
  };
}

function contextOf(what: Parameters<Reseal>[1]): string {
  if (what.kind === "account-key") return accountKeyContext(what.accountId, what.kid);
  if (what.kind === "statement-key") return statementKeyContext(what.domain);
  return credentialContext(what.part, what.accountId);
}
