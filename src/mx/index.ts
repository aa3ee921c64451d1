// The border for incoming mail: verifies inside the session, acts, records, queues.
export {
  type DomainSettings,
  type MailboxAnswer,
  type MxEvent,
  MxHandler,
  type MxOptions,
  type MxRefusal,
} from "./mx-handler.ts";
