// A provider's accounts: addresses, grants, passwords, key pairs (LIF-1 to LIF-19); the store is passed in.
export type { ChangeFeed } from "../changes/index.ts";
export { MAX_GRANTS } from "../key-protocol/index.ts";
export type { MadeAccount, NewAccountOptions } from "./administration/accounts.ts";
export type { ArchiveOutcome } from "./administration/archive-audit.ts";
export type { LoadOptions, RefusedAccount } from "./administration/bulk-accounts.ts";
export type { BulkOptions, Progress } from "./administration/bulk-keys.ts";
export type { NewDomainOptions } from "./administration/domains.ts";
export type { EnrolmentOptions } from "./administration/enrolment.ts";
export type { GrantOptions } from "./administration/grant.ts";
export type { ReleasedKey } from "./administration/key-release.ts";
export type { Failure, Outcome } from "./administration/outcome.ts";
export type { AppPasswordOptions, CredentialSummary, PasswordSet } from "./administration/passwords.ts";
export { AUDIT_CHAIN_START, auditChain, auditFields, auditKeyOf } from "./audit/audit-chain.ts";
export {
  type AuditEntry,
  type AuditFilter,
  type AuditHead,
  type AuditRecord,
  auditEntry,
} from "./audit/audit-entry.ts";
export { auditObject, formatAuditHead, parseAuditHead } from "./audit/audit-text.ts";
export type { AuditVerification } from "./audit/audit-verification.ts";
export { AuditWriter } from "./audit/audit-writer.ts";
export {
  type AuthenticationContext,
  Authenticator,
  type AuthenticatorOptions,
} from "./credentials/authenticator.ts";
export { keysFromFile, keysFromUrl } from "./credentials/issuer-keys.ts";
export type { PasswordCheckerOptions } from "./credentials/password-checker.ts";
export { TokenVerifier, type TokenVerifierOptions } from "./credentials/token-verifier.ts";
export { KEY_TRANSITIONS } from "./key-lifecycle.ts";
export { KeyStanding } from "./key-standing.ts";
export { KeyStatements, type KeyStatementsOptions } from "./key-statements.ts";
export { Keyring, type KeyringOptions, type RecipientUsage } from "./keyring.ts";
export {
  type AccountPage,
  type KeyReplacement,
  type KeyringStore,
  KeyringStoreError,
  type NewAccount,
  type NextMasterKey,
  type PasswordChange,
  type PublicKeyringStore,
  type Refusal,
  type Reseal,
  type StoreOutcome,
  type Use,
  type UseAnswer,
} from "./keyring-store.ts";
export { loadMasterKey, type MasterKeySource } from "./load-master-key.ts";
export { MasterKey, MasterKeyError } from "./master-key.ts";
export { type PublicKey, PublicKeyView } from "./public-key-view.ts";
export { DEFAULT_LIMITS, type LimitSettings, recipientLimit } from "./recipient-limits.ts";
export type {
  AccountRecord,
  AccountRights,
  AccountState,
  CredentialRecord,
  CredentialSecret,
  CredentialTerm,
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
  UserRights,
} from "./records.ts";
export { storedAddress } from "./rights.ts";
export { StatementSigning, type StatementSigningOptions } from "./statement-signing.ts";
export { readSystemdCredential } from "./systemd-credential.ts";
export type { User } from "./user.ts";
export {
  type Identified,
  type Limited,
  type PrivateKeysOfUser,
  type Refused,
  type SignedByUser,
  SYSTEM_SENDER,
  UserKeys,
  type UserKeysOptions,
} from "./user-keys.ts";
