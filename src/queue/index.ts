// Durable queue: its states stand in ARCHITECTURE.md, its storage is behind QueueStore.
export { destinationName } from "./destination.ts";
export type { DirectTaker } from "./direct-hand-over.ts";
export { firstMessageIdAt, messageIdTime, newMessageId } from "./message-id.ts";
export { orderAll } from "./order-all.ts";
export { type Enqueued, type LeaseLimits, Queue, type QueueOptions, type Settled } from "./queue.ts";
export { type QueueClock, systemClock } from "./queue-clock.ts";
export {
  type ChangeAnswer,
  type DestinationChange,
  type DestinationCounts,
  type ExpiredMessage,
  isQuarantined,
  type LeasedMessage,
  type LeaseRequest,
  type ListedMessage,
  type MessageContent,
  type MessageId,
  type NewMessage,
  type NewRecipient,
  type Notify,
  type PendingOrder,
  type QuarantinedMessage,
  type QuarantineNote,
  type QueueChange,
  type QueueCounts,
  type QueuedRecipient,
  type QueueFilter,
  type QueueOrder,
  type QueueStore,
  QueueStoreError,
  type RecipientChange,
  type RecipientState,
  type SeenKey,
  type Settlement,
  type StoredContent,
  type StoredMessage,
} from "./queue-store.ts";
export { RELEASE_FIELD, releaseField } from "./release-field.ts";
export { type RetryOptions, RetrySchedule } from "./retry-schedule.ts";
export type { RecipientOutcome, WorkResult } from "./settlement.ts";
export { headerOf, piecesOf } from "./stored-content.ts";
