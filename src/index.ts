// The library: what the package "vsmtp" exports. Sign and verify messages with account keys; find keys where their domains
// keep them; decide as a receiver does; read others' reports.

export { CachingResolver, type Resolver, StubResolver, systemResolver } from "./dns/index.ts";
export {
  describeStep,
  KeyLookup,
  type KeyLookupOptions,
  type LookupQuestion,
  type LookupReport,
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
  canonicalAddress,
  decodeAddress,
  encodeAddress,
  formatAddress,
  formatAuthenticationResults,
  parseAddress,
} from "./message/index.ts";
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
  type ActionContext,
  authenticationResult,
  type Decision,
  decideAction,
} from "./verification/index.ts";
