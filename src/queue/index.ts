// Durable queue: its states stand in ARCHITECTURE.md, its storage is behind QueueStore.
export { destinationName } from "./destination.ts";
export type { DirectTaker } from "./direct-hand-over.ts";
export { firstMessageIdAt, messageIdTime, newMessageId } from "./message-id.ts";
export {
  type DestinationCounts,
  type ExpiredMessage,
  isQuarantined,
  type ListedMessage,
  type QuarantinedMessage,
  type QueueCounts,
  type QueueFilter,
  type QueueOrder,
} from "./operators-view.ts";
export { orderAll } from "./order-all.ts";
export { Queue } from "./queue.ts";
export { type QueueClock, systemClock } from "./queue-clock.ts";
export type { Enqueued, LeaseLimits, QueueOptions, Settled } from "./queue-options.ts";
export {
  type ChangeAnswer,
  type DestinationChange,
  type LeaseRequest,
  type QueueChange,
  type QueueStore,
  QueueStoreError,
  type RecipientChange,
  type Settlement,
} from "./queue-store.ts";
export type {
  LeasedMessage,
  MessageContent,
  MessageId,
  NewMessage,
  NewRecipient,
  Notify,
  PendingOrder,
  QuarantineNote,
  QueuedRecipient,
  RecipientState,
  SeenKey,
  StoredContent,
  StoredMessage,
} from "./queued-message.ts";
export { RELEASE_FIELD, releaseField } from "./release-field.ts";
export { type RetryOptions, RetrySchedule } from "./retry-schedule.ts";
export type { RecipientOutcome, WorkResult } from "./settlement.ts";
export { headerOf, piecesOf } from "./stored-content.ts";
