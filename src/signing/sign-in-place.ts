import type { HeaderEdit } from "../message/index.ts";
import { asItCame, convertedInPlace, needsConversion } from "./convert.ts";
import type { Refused } from "./refused.ts";
import { authorOf, type MessageToSign, type SignedMessage, signMessage } from "./sign-message.ts";
import type { Login } from "./vault.ts";

export interface ToSignInPlace extends MessageToSign {
  /** Whether a body in 8 bits is converted (MSG-16, MSG-17): not where the host cannot replace it. With SMTPUTF8 (MSG-19) it stays. */
  readonly convert: boolean;
}

export type SignedInPlace =
  | (Pick<SignedMessage, "kind" | "identity" | "kids" | "messageIdHash"> & {
      /** All that the host has to do to the header that came; the signatures are the last of it, and so the topmost. */
      readonly edits: readonly HeaderEdit[];
      /** What it has to put in place of the body, anew at each call, as long as the message can be read; null: that stays. */
      readonly body: (() => AsyncIterable<Uint8Array>) | null;
    })
  | Refused;

/**
 * The same as `signSubmission` for a host that has the message, changes it where it is and sends all recipients the same,
 * such as a milter: one signature, bound to those whom everybody sees (decision 0123). The body is only read.
 *
 * Rejects with a SpoolError when the disk refuses.
 */
export async function signInPlace(toSign: ToSignInPlace, login: Login): Promise<SignedInPlace> {
  const { message, smtputf8, convert } = toSign;
  const author = await authorOf(toSign, login);
  if (author.kind === "refused") return author;
  const stays = author.kind === "resend" || !convert || !needsConversion(message, smtputf8);
  const { converted, body } = stays
    ? { converted: asItCame(message), body: null }
    : await convertedInPlace(message);
  const signed = await signMessage(toSign, author, converted, "one", login);
  if (signed.kind === "refused") return signed;
  const { kind, identity, kids, messageIdHash, copies } = signed;
  const signatures = copies.map((copy): HeaderEdit => ({ kind: "prepend", octets: copy.signatures }));
  return { kind, identity, kids, messageIdHash, edits: [...signed.edits, ...signatures], body };
}
