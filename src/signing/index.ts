// From a submission to signed copies: who may send as whom, header edits, recipient binding, local or remote keys.
export { type Copy, splitIntoCopies } from "./copies.ts";
export { KeyringSigner } from "./keyring-signer.ts";
export type { Authorization, Authors, KeyName, Signed, Signer, SigningOrder, Unavailable } from "./signer.ts";
export {
  type SignedCopy,
  type SignedSubmission,
  type SubmissionToSign,
  signSubmission,
} from "./submission-signing.ts";
