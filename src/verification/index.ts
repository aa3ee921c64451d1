// From a message to a verdict and what is done about it; and where the keys come from.
export { type ActionContext, type Decision, decideAction } from "./decide-action.ts";
export {
  KeyLookup,
  type KeyLookupOptions,
  type LookupDeadlines,
  type LookupQuestion,
  type LookupReport,
} from "./key-lookup.ts";
export type { StapledQuery, StapleKeySource } from "./stapled-keys.ts";
export { describeStep, type TrailStep } from "./trail.ts";
export {
  authenticationResult,
  Verification,
  type VerificationOptions,
  type Verified,
} from "./verification.ts";
