// Where mail of others comes in: judge, decide, record, whoever brings it and wherever it goes.
export { type Arrival, Border, type BorderOptions, type Judged } from "./border.ts";
export { type DomainSettings, forAllDomains, sameSettings } from "./domain-settings.ts";
export { Rulebook } from "./rulebook.ts";
export { tagFieldNames } from "./tag-fields.ts";
export { TrustedSources } from "./trusted-sources.ts";
