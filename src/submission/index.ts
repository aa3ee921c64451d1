// Mail submission: logs users in, checks who may send as whom, signs, queues. Accounts and keys are a vault's.
export { mayWriteFrom } from "./may-write-from.ts";
export type { SubmissionEvent } from "./submission-event.ts";
export { SubmissionHandler, type SubmissionOptions } from "./submission-handler.ts";
export { beginLogin, type LoginEvent } from "./user-login.ts";
