// From a message to a verdict and what is done about it.
export { authenticationResult } from "./authentication-result.ts";
export { BounceCheck, type BounceCheckOptions } from "./bounce/bounce-check.ts";
export { decideAction } from "./decide-action.ts";
export type { ActionContext, Decision, Override, Rules } from "./decision.ts";
export { REASON_TEXT } from "./reason-text.ts";
export {
  type FromPolicy,
  type Transaction,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification.ts";
