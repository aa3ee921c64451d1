import { isAscii } from "node:buffer";
import type { MessageContent } from "../queue/index.ts";
import { contentOf } from "../reception/index.ts";
import type { Spool } from "../spool/index.ts";
import { asItCame, needsConversion, takeConverted } from "./convert.ts";
import type { Refused } from "./refused.ts";
import { authorOf, type MessageToSign, type SignedMessage, signMessage } from "./sign-message.ts";
import type { Login } from "./vault.ts";

export interface SubmissionToSign extends MessageToSign {
  /** Where a body in 8 bits is converted to (MSG-16, MSG-17); without it, and with SMTPUTF8 (MSG-19), it stays. */
  readonly convertInto?: Pick<Spool, "receive"> | null;
  /** `one`: all recipients get the same copy, where they cannot get different ones (decision 0123). Default `split`. */
  readonly copies?: "split" | "one";
}

export type SignedSubmission =
  | (Pick<SignedMessage, "kind" | "identity" | "kids" | "messageIdHash" | "copies"> & {
      /** The message behind the signatures, the same for every copy. Its file is the caller's to queue or to remove. */
      readonly content: MessageContent;
      /** Whether the content holds octets above 127. */
      readonly eightBit: boolean;
    })
  | Refused;

/**
 * Turns a submission into signed copies: who may send as whom (SUB-1 to SUB-3), what the header lacks or must not
 * hold (SUB-4), who gets which copy (RCP-4), whether so many may (LIF-14), and a signature of its own for each (RCP-5).
 * What a user passes on gets a custody level instead (CUS-2). It is signed whole or refused whole, and never unsigned
 * (SUB-6). The message's body is taken over; what is sent is made first and signed then (MSG-15).
 *
 * Rejects with a SpoolError when the disk refuses.
 */
export async function signSubmission(submission: SubmissionToSign, login: Login): Promise<SignedSubmission> {
  const { message, smtputf8, convertInto, copies = "split" } = submission;
  const author = await authorOf(submission, login);
  if (author.kind === "refused") return author;
  if (author.kind === "resend") {
    const signed = await signMessage(submission, author, asItCame(message), copies, login);
    if (signed.kind === "refused") return signed;
    const content = contentOf(signed.header.octets, await message.takeBody(), message.hasEmptyLine);
    return withContent(signed, content, message.eightBitBody);
  }
  const { converted, body } = await takeConverted(
    message,
    needsConversion(message, smtputf8) ? (convertInto ?? null) : null,
  );
  let isSigned = false;
  try {
    const signed = await signMessage(submission, author, converted, copies, login);
    isSigned = signed.kind === "signed";
    if (signed.kind === "refused") return signed;
    return withContent(signed, contentOf(signed.header.octets, body), converted.eightBitBody);
  } finally {
    if (!isSigned) await body.file?.remove();
  }
}

function withContent(
  { kind, identity, kids, messageIdHash, header, copies }: SignedMessage,
  content: MessageContent,
  eightBitBody: boolean,
): SignedSubmission {
  const eightBit = eightBitBody || !isAscii(header.octets);
  return { kind, identity, kids, messageIdHash, content, eightBit, copies };
}
