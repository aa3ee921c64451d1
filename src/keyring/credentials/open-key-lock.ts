import type { KeyObject } from "node:crypto";
import type { MasterKey } from "../master-key.ts";
import type { CredentialRecord } from "../records.ts";
import { parseAppPassword } from "./app-password.ts";
import { openCredentialSecret } from "./credential-secret.ts";
import { unwrapLock } from "./lock-wrapping.ts";
import { preparePassword } from "./password-hash.ts";

interface Owner {
  readonly accountId: string;
  readonly masterKey: MasterKey;
}

/**
 * The private half of the account's key lock by a credential's own password; null where the password is another, or
 * the credential opens none.
 *
 * @throws MasterKeyError when the master key is another
 */
export async function openKeyLock(
  credential: CredentialRecord,
  password: string,
  { accountId, masterKey }: Owner,
): Promise<KeyObject | null> {
  if (credential.lockByPassword === null) return null;
  const wrapped = openCredentialSecret(credential.lockByPassword, "lock-by-password", accountId, masterKey);
  const prepared =
    credential.kind === "password" ? preparePassword(password) : parseAppPassword(password)?.password;
  return unwrapLock(wrapped, { password: prepared ?? "" }, { accountId, credentialId: credential.id });
}

/** The same by the ClientKey that a login by SCRAM brought. */
export async function openKeyLockByScram(
  credential: CredentialRecord,
  clientKey: Uint8Array,
  { accountId, masterKey }: Owner,
): Promise<KeyObject | null> {
  if (credential.lockByScram === null) return null;
  const wrapped = openCredentialSecret(credential.lockByScram, "lock-by-scram", accountId, masterKey);
  return unwrapLock(wrapped, { clientKey }, { accountId, credentialId: credential.id });
}
