import { RETIREMENT_S } from "../../key-protocol/index.ts";
import type { AuditEntry } from "../audit/audit-entry.ts";
import { KEY_OPERATIONS, type KeyOperation } from "../key-lifecycle.ts";
import { generateAccountKey } from "../key-pair.ts";
import type { KeyReplacement } from "../keyring-store.ts";
import type { AccountRecord, DomainRecord } from "../records.ts";
import { storedAddress } from "../rights.ts";
import type { Administration } from "./administration.ts";
import { type Outcome, refusal, result } from "./outcome.ts";

const ACTIONS: Record<KeyOperation, string> = {
  rotate: "key.rotate",
  "re-key": "key.rekey",
  revoke: "key.revoke",
  "bulk re-key": "key.rekey",
  resume: "account.resume",
  "key lock": "account.key-lock",
  "password reset": "account.password",
};

/** Gives an account a new key; see the table of key-lifecycle.ts. */
export async function replaceKey(
  administration: Administration,
  accountId: string,
  operation: KeyOperation,
  detail: string | null = null,
): Promise<Outcome<{ kid: string }>> {
  const account = await administration.store.account(accountId);
  if (account === null) return refusal("no-account", accountId);
  const domain = await administration.store.domain(storedAddress(account.primaryAddress).domain);
  const { replacement, entry } = await draftReplacement(administration, account, domain, operation);
  const outcome = await administration.store.replaceKeys(replacement, { ...entry, detail });
  return result(outcome, account.primaryAddress, { kid: replacement.newKey.kid });
}

/**
 * @param domain the one of the account's primary address
 * @param keyLock what the new key is sealed under, where the lock changes with it
 */
export async function draftReplacement(
  administration: Administration,
  account: AccountRecord,
  domain: DomainRecord | null,
  operation: KeyOperation,
  keyLock: Uint8Array | null = account.keyLock,
): Promise<{ readonly replacement: KeyReplacement; readonly entry: AuditEntry }> {
  const { requiredState, stateAfter, oldKeys, reason } = KEY_OPERATIONS[operation];
  const at = administration.now();
  const newKey = await generateAccountKey({ id: account.id, keyLock }, at, administration.masterKey);
  return {
    replacement: {
      accountId: account.id,
      newKey,
      // What is under a key lock could not be opened to be released.
      oldKeys:
        oldKeys === "revoked"
          ? { become: "revoked" }
          : {
              become: "retired",
              notAfter: at + RETIREMENT_S,
              keepPrivateKey: domain?.releasesKeys === true && account.keyLock === null,
            },
      requiredState: requiredState ?? account.state,
      stateAfter: stateAfter ?? account.state,
      at,
      reason,
    },
    entry: administration.entryOf(account, ACTIONS[operation], { kid: newKey.kid }),
  };
}

/** Revokes one key. The active one is replaced, since an account is never without (LIF-2); `kid` is then the new one. */
export async function revokeKey(
  administration: Administration,
  kid: string,
): Promise<Outcome<{ account: AccountRecord; kid: string | null }>> {
  const { store } = administration;
  const key = await store.key(kid);
  if (key === null) return refusal("no-key", kid);
  const account = await store.account(key.accountId);
  if (account === null) return refusal("no-key", kid);
  if (key.state === "active") {
    // The entry's own key is the new one.
    const replaced = await replaceKey(administration, account.id, "revoke", `revoked: ${kid}`);
    return replaced.ok ? { ok: true, account, kid: replaced.kid } : replaced;
  }
  const entry = administration.entryOf(account, "key.revoke", { kid });
  const outcome = await store.revokeRetiredKey(kid, administration.now(), entry);
  return result(outcome, kid, { account, kid: null });
}
