// The border for incoming mail: verifies inside the session, acts, records, queues.
export type { MxEvent, MxRefusal } from "./mx-event.ts";
export { MxHandler } from "./mx-handler.ts";
export type { MailboxAnswer, MxOptions } from "./mx-options.ts";
