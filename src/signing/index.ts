// From a submission to signed copies: who may send as whom, header edits, recipient binding; keys are a vault's.
export { type Asserted, AssertedLogins } from "./asserted-logins.ts";
export { type Copy, splitIntoCopies } from "./copies.ts";
export { KeyLogin } from "./key-login.ts";
export { noUse } from "./refusal-reply.ts";
export { notAsserted, type Refused, unavailable } from "./refused.ts";
export { RemoteVault, type RemoteVaultOptions } from "./remote-vault.ts";
export { type SignedAs, signAs, type ToSignAs } from "./sign-as.ts";
export type { DkimSigners, SignedCopy } from "./sign-copies.ts";
export { type SignedInPlace, signInPlace, type ToSignInPlace } from "./sign-in-place.ts";
export type { MessageToSign } from "./sign-message.ts";
export {
  type SignedSubmission,
  type SubmissionToSign,
  signSubmission,
} from "./submission-signing.ts";
export type {
  Denied,
  Ended,
  Identification,
  KeyName,
  Limited,
  Login,
  LoginContext,
  LoginExchange,
  LoginStep,
  NoUse,
  Signed,
  SigningOrder,
  Spent,
  Unavailable,
  Vault,
} from "./vault.ts";
export { withinDeadline } from "./within-deadline.ts";
