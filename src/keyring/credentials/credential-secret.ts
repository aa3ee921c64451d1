import type { MasterKey } from "../master-key.ts";
import type { CredentialSecret } from "../records.ts";

/** Seals a secret of one of an account's credentials under the master key. */
export function sealCredentialSecret(
  secret: Uint8Array,
  part: CredentialSecret,
  accountId: string,
  masterKey: MasterKey,
): Uint8Array {
  return masterKey.seal(secret, credentialContext(part, accountId));
}

/** @throws MasterKeyError when it was changed, or moved from another account */
export function openCredentialSecret(
  sealed: Uint8Array,
  part: CredentialSecret,
  accountId: string,
  masterKey: MasterKey,
): Buffer {
  return masterKey.open(sealed, credentialContext(part, accountId));
}

export function credentialContext(part: CredentialSecret, accountId: string): string {
  return `account ${accountId} ${part}`;
}
