// Durable queue: states and transitions in queue.ts, its storage behind QueueStore.
export { newMessageId } from "./message-id.ts";
export {
  Queue,
  type QueueClock,
  type QueueOptions,
  type RecipientOutcome,
  type Settled,
} from "./queue.ts";
export {
  type LeasedMessage,
  type LeaseRequest,
  type MessageId,
  type NewMessage,
  type QueueChange,
  type QueueCounts,
  type QueuedRecipient,
  type QueueStore,
  QueueStoreError,
  type RecipientChange,
  type RecipientState,
  type Settlement,
  type StoredMessage,
} from "./queue-store.ts";
export { type RetryOptions, RetrySchedule } from "./retry-schedule.ts";
