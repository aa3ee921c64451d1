// Mail submission: logs users in, checks who may send as whom, signs, queues. Accounts and keys are a vault's.
export type { SubmissionEvent } from "./submission-event.ts";
export { SubmissionHandler, type SubmissionOptions } from "./submission-handler.ts";
