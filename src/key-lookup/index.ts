// Where keys come from: a domain's key server is found, authenticated, asked and remembered.
export { KeyLookup, type KeyLookupOptions, type LookupDeadlines } from "./key-lookup.ts";
export type { LookupQuestion, LookupReport } from "./lookup-report.ts";
export { StapledKeys, type StapleKeySource } from "./stapled-keys.ts";
export { describeStep, type TrailStep } from "./trail.ts";
