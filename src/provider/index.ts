// One installation: stores, network and servers put together as its settings say.
export { type CommandMail, openCommandMail } from "./command-mail.ts";
export { startDelivery } from "./delivery-role.ts";
export { openKeyLookup } from "./key-lookup.ts";
export { type Drain, KeyServerControl, type KeyServerProcess } from "./key-server-control.ts";
export { createLog, type Log } from "./log.ts";
export { type OpenedMailLog, openMailLog } from "./mail-log.ts";
export { mailboxAnswers } from "./mailboxes.ts";
export { type Memories, openMemories } from "./memories.ts";
export { type Network, openNetwork } from "./network.ts";
export { type Provider, startProvider } from "./provider.ts";
export { openDailyReports, type ReportSenderOptions } from "./report-sender.ts";
export type { Place, Running, Shared, Watchers } from "./role.ts";
