// A provider's accounts: addresses, grants, passwords, key pairs (LIF-1 to LIF-17); the store is passed in.
export type { GrantOptions } from "./grant.ts";
export { KEY_TRANSITIONS, type KeyOperation, RETIREMENT_S } from "./key-lifecycle.ts";
export {
  type Authentication,
  Keyring,
  type KeyringOptions,
  type NewAccountOptions,
  type SigningKeyAnswer,
} from "./keyring.ts";
export {
  type AccountRecord,
  type AccountRights,
  type AccountState,
  type DomainRecord,
  type GrantKind,
  type GrantRecord,
  type GrantTarget,
  type KeyReplacement,
  type KeyringStore,
  KeyringStoreError,
  type KeyState,
  MAX_GRANTS,
  type NewAccount,
  type NewKey,
  type PublicDomain,
  type PublicKeyRecord,
  type PublicKeyringStore,
  type PublicRecord,
  type Refusal,
  type SealedKeyPair,
  type StoreOutcome,
} from "./keyring-store.ts";
export { loadMasterKey, MasterKey, MasterKeyError } from "./master-key.ts";
export type { Outcome } from "./outcome.ts";
export type { PasswordCheckerOptions } from "./password-checker.ts";
export { type PublicKey, PublicKeyView } from "./public-key-view.ts";
export { maySignAs, mayWriteFrom, ownsAddress, storedAddress } from "./rights.ts";
export { StatementSigning } from "./statement-signing.ts";
