// Drains the queue: Maildirs of this host, configured servers, mail hosts of other domains; reports.
export {
  type AddressExpansion,
  type ExpandableAddress,
  type Expanded,
  firstExpansion,
} from "./address-expansion.ts";
export { Delivery } from "./delivery.ts";
export type { FindMaildir } from "./local-delivery.ts";
export { type MaildirMessage, storeInMaildir } from "./maildir.ts";
export { findNextHop } from "./next-hop.ts";
export { type OpenOptions, openConnection } from "./open-connection.ts";
export type { DeliveryEvent, DeliveryLimits, DeliveryOptions } from "./options.ts";
export type { ReportOrder, ReportSigner, SignedReport } from "./reports/report-signer.ts";
export { describe, ownResult, type RecipientResult, type Result } from "./result.ts";
export type { SenderStanding } from "./sender-standing.ts";
export type { Target } from "./target.ts";
