import type { Reason } from "../signature/index.ts";

/** What a sender is told; it gives nothing away that the sender's provider did not publish. */
export const REASON_TEXT: Record<Reason | "pass", string> = {
  pass: "not accepted here although its sender is proved",
  body: "the message was altered after it was signed",
  signature: "the header was altered after it was signed, or the signature is forged",
  identity: "the signing account is not the one that Sender or From names",
  "no-keyserver": "the sender's domain has no key server",
  "no-key": "the sender's key server does not know the signing key",
  "bad-key": "the sender's key server gave no usable key",
  revoked: "the signing key has been revoked",
  suspended: "the sending account is suspended",
  expired: "the signature is not valid at this time",
  exact: "the sender addressed this message to somebody else",
  syntax: "the message or its signature breaks the rules of the format",
  unavailable: "the sender's key server cannot be asked now, try again later",
  unsigned: "the message carries no VSMTP signature",
  "sender-only": "the signing account may not write in the name of the From address",
};
