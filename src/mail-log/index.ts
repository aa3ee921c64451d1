// What became of each message that came in: kept for a set time, for help desks and for reports.
export type { CopiedEntry, DeliveredEntry, MailLog, ReceivedEntry, SubmittedEntry } from "./entries.ts";
export { beginForgetting, type ForgettingOptions } from "./forgetting.ts";
export { LateMailLogStore } from "./late-mail-log-store.ts";
export {
  type AggregateRow,
  type LoggedMessage,
  type LoggedReceived,
  type LoggedSubmitted,
  type MailLogBatch,
  type MailLogFilter,
  type MailLogStore,
  MailLogStoreError,
  type MailStory,
} from "./mail-log-store.ts";
export { MailLogWriter, type MailLogWriterOptions } from "./mail-log-writer.ts";
