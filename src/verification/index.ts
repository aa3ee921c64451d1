// From a message to a verdict and what is done about it.
export { authenticationResult } from "./authentication-result.ts";
export { type ActionContext, type Decision, decideAction } from "./decide-action.ts";
export {
  type FromPolicy,
  type Transaction,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification.ts";
