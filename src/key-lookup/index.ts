// Where keys come from: a domain's key server is found, authenticated, asked and remembered.

export { describeStep } from "./describe-step.ts";
export { KeyLookup } from "./key-lookup.ts";
export type { KeyLookupOptions, LookupDeadlines } from "./key-lookup-options.ts";
export {
  isKnownDomain,
  type KnownDomain,
  KnownDomains,
  type KnownDomainsFile,
} from "./known-domains.ts";
export type { LookupQuestion, LookupReport } from "./lookup-report.ts";
export { type MessageOrigin, StapledKeys, type StapledQuery, type StapleKeySource } from "./stapled-keys.ts";
export type { TrailStep } from "./trail.ts";
