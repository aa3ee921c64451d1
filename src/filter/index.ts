// Behind a milter: signs what users of a mail server submit, and verifies what others bring it.
export { Filter, type FilterOptions } from "./filter.ts";
export type { FilterEvent, PassedUnsigned, SignedOutgoing, VerifiedIncoming } from "./filter-event.ts";
export type { SettingsOf, VerifyingOptions } from "./incoming.ts";
export type { SigningOptions } from "./outgoing.ts";
