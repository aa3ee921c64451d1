// Canonicalization, tags, key ids, signing and verifying: pure, streaming, no I/O.

export { type Algorithm, algorithmOf, importPublicKey, isAlgorithm } from "./algorithm.ts";
export { BodyHasher } from "./body-hasher.ts";
export { canonicalField, headerCanonical, signingInput } from "./canonical-header.ts";
export { checkHeaderCanonical, type HeaderCheck, messageIdHashOf } from "./check-header-canonical.ts";
export { CORE_FIELDS } from "./covered-fields.ts";
export { type CustodyLevel, nextCustodyLevel } from "./custody-level.ts";
export { type DkimKey, type DkimKeyResult, type DkimName, dkimRecord, loadDkimKey } from "./dkim-key.ts";
export { type DkimOptions, DkimSigner } from "./dkim-signer.ts";
export { type Explanation, explain } from "./explain.ts";
export { fromDomains, MAX_FROM_DOMAINS } from "./from-domains.ts";
export { grantHash, keyId, recipientHash } from "./hashes.ts";
export { isId16 } from "./id16.ts";
export { judge, MessageVerifier, type VerifyContext, verify } from "./judge.ts";
export type { KeyAnswer, KeyQuery, KeySource } from "./key-source.ts";
export { loadSigningKey, type SigningKeyResult } from "./load-signing-key.ts";
export { fromMailboxes } from "./responsible-identity.ts";
export { judgeReturnedHeader, type ReturnedHeaderContext } from "./returned-header.ts";
export { MessageScanner, type ScannedMessage, withHashedBody } from "./scanned-message.ts";
export { type SignOptions, type SignResult, sign, signPrepared } from "./sign.ts";
export {
  fieldsBelow,
  MAX_LIFETIME_S,
  MAX_RECIPIENTS,
  parseSeconds,
  parseSignatureField,
  SIGNATURE_FIELD,
  type SignatureField,
  type SignatureTags,
} from "./signature-field.ts";
export {
  type DraftOptions,
  freshSalt,
  MessageSigner,
  PreparedMessage,
  prepare,
  type Refusal,
  type SignatureDraft,
  type SigningKey,
  signInput,
} from "./signer.ts";
export type {
  Alignment,
  DamageReason,
  FailReason,
  Reason,
  RecipientMatch,
  RefusalReason,
  Result,
  Trust,
  Verdict,
  VerifiedSignature,
} from "./verdict.ts";
