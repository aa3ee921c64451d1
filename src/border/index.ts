// Where mail of others comes in: judge, decide, record, whoever brings it and wherever it goes.
export { type Arrival, Border, type BorderOptions, type Judged } from "./border.ts";
export { arrivalBySmtp, type DescribedMessage, describeMessage } from "./described.ts";
export { type DomainSettings, forAllDomains, sameSettings } from "./domain-settings.ts";
export { type ReplayKeys, replayKeys } from "./replay-keys.ts";
export { Rulebook } from "./rulebook.ts";
export { tagFieldNames } from "./tag-fields.ts";
export { TrustedSources } from "./trusted-sources.ts";
