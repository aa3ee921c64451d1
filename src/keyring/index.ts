// A provider's accounts: addresses, grants, passwords, key pairs (LIF-1 to LIF-17); the store is passed in.
export { AUDIT_CHAIN_START, auditChain } from "./audit-chain.ts";
export { type AuditEntry, type AuditFilter, type AuditRecord, auditEntry } from "./audit-entry.ts";
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
  type AccountPage,
  type ChangeFeed,
  type KeyReplacement,
  type KeyringStore,
  KeyringStoreError,
  MAX_GRANTS,
  type NewAccount,
  type PasswordChange,
  type PublicKeyringStore,
  type Refusal,
  type Reseal,
  type StoreOutcome,
  type Use,
  type UseAnswer,
} from "./keyring-store.ts";
export { loadMasterKey, MasterKey, MasterKeyError } from "./master-key.ts";
export type { Outcome } from "./outcome.ts";
export type { PasswordCheckerOptions } from "./credentials/password-checker.ts";
export { type PublicKey, PublicKeyView } from "./public-key-view.ts";
export type {
  AccountRecord,
  AccountRights,
  AccountState,
  CredentialRecord,
  CredentialSecret,
  DomainRecord,
  EnrolmentMode,
  EnrolmentRecord,
  GrantKind,
  GrantRecord,
  GrantTarget,
  KeyReason,
  KeyRecord,
  KeyState,
  NewKey,
  PublicDomain,
  PublicKeyRecord,
  PublicRecord,
  SealedKeyPair,
} from "./records.ts";
export { maySignAs, mayWriteFrom, ownsAddress, storedAddress } from "./rights.ts";
export { StatementSigning } from "./statement-signing.ts";
export type { User } from "./user.ts";
