// From a message to a verdict and what is done about it; and where the keys come from.
export { type ActionContext, type Decision, decideAction } from "./decide-action.ts";
export {
  KeyLookup,
  type KeyLookupOptions,
  type LookupDeadlines,
} from "./key-lookup.ts";
export type { LookupQuestion, LookupReport } from "./lookup-report.ts";
export type { StapleKeySource } from "./stapled-keys.ts";
export { describeStep, type TrailStep } from "./trail.ts";
export {
  authenticationResult,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification.ts";
