// What became of each message that came in: kept for a set time, for help desks and for reports.
export type { DeliveredEntry, MailLog, ReceivedEntry } from "./entries.ts";
