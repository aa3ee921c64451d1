// Mail submission: authenticates, checks who may send as whom, signs, queues.
export {
  type SubmissionEvent,
  SubmissionHandler,
  type SubmissionOptions,
  type Submitter,
} from "./submission-handler.ts";
