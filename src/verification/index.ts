// From a message to a verdict and what is done about it.
export { type ActionContext, type Decision, decideAction } from "./decide-action.ts";
export {
  authenticationResult,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification.ts";
