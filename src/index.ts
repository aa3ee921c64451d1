// The library: what the package "vsmtp" exports. Sign and verify messages with account keys, of one's own or in a vault; find
// keys where their domains keep them; decide as a receiver does; read others' reports. docs/library.md shows how.
/// <reference types="node" preserve="true" />

export {
  type Arrival,
  Border,
  type BorderOptions,
  type DomainSettings,
  forAllDomains,
  type Judged,
} from "./border/index.ts";
export {
  type Action,
  type Actions,
  defaultPolicy,
  type PolicyResult,
  type PolicySettings,
  readPolicy,
  type Stage,
} from "./config/index.ts";
export {
  CachingResolver,
  dnsPolicySource,
  NetworkList,
  PolicyMemory,
  type PolicySource,
  type Resolver,
  StubResolver,
  systemResolver,
} from "./dns/index.ts";
export {
  describeStep,
  KeyLookup,
  type KeyLookupOptions,
  type LookupQuestion,
  type LookupReport,
  type StapleKeySource,
  type TrailStep,
} from "./key-lookup/index.ts";
export {
  type KeyStatement,
  parseStatement,
  type StatementKeySourceOptions,
  StatementLineError,
  type StatementResult,
  statementKeySource,
} from "./key-protocol/index.ts";
export {
  type Address,
  type AddressResult,
  type AuthenticationResult,
  addressText,
  applyEdits,
  canonicalAddress,
  crlfLines,
  decodeAddress,
  encodeAddress,
  fieldText,
  formatAddress,
  formatAuthenticationResults,
  type Header,
  type HeaderEdit,
  type HeaderField,
  parseAddress,
  parseHeader,
} from "./message/index.ts";
export {
  type NeighbourCheck,
  openNeighbourCheck,
} from "./neighbours/index.ts";
export {
  contentOf,
  type ReceivedMessage,
  Reception,
  type ReceptionOptions,
  receivedFrom,
  receivedInMemory,
} from "./reception/index.ts";
export {
  type AggregateReport,
  type ReportRow,
  type UnpackedReport,
  unpackAggregateReport,
} from "./reports/index.ts";
export {
  type Algorithm,
  type Alignment,
  type CustodyLevel,
  type DkimOptions,
  DkimSigner,
  type DraftOptions,
  type Explanation,
  explain,
  type FailReason,
  grantHash,
  judge,
  type KeyAnswer,
  type KeyQuery,
  type KeySource,
  keyId,
  loadDkimKey,
  loadSigningKey,
  MessageScanner,
  MessageSigner,
  MessageVerifier,
  nextCustodyLevel,
  PreparedMessage,
  type Reason,
  type RecipientMatch,
  type Refusal,
  type Result,
  recipientHash,
  type ScannedMessage,
  type SignatureDraft,
  type SigningKey,
  type SigningKeyResult,
  type SignOptions,
  type SignResult,
  sign,
  signPrepared,
  type Trust,
  type Verdict,
  type VerifiedSignature,
  type VerifyContext,
  verify,
} from "./signature/index.ts";
export {
  type Copy,
  type Denied,
  type DkimSigners,
  KeyLogin,
  type Login,
  type LoginContext,
  type LoginExchange,
  type LoginStep,
  type Refused,
  RemoteVault,
  type SignedCopy,
  type SignedSubmission,
  type SubmissionToSign,
  signSubmission,
  splitIntoCopies,
  type Unavailable,
  type Vault,
} from "./signing/index.ts";
export {
  type Reply,
  reply,
} from "./smtp/index.ts";
export {
  Spool,
  SpoolError,
  type SpooledOctets,
  type SpoolFile,
} from "./spool/index.ts";
export {
  openVault,
  VaultClient,
  type VaultClientOptions,
  type VaultPlace,
} from "./vault-protocol/index.ts";
export {
  type ActionContext,
  authenticationResult,
  BounceCheck,
  type Decision,
  decideAction,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification/index.ts";
