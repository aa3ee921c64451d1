import { isAscii } from "node:buffer";
import { encodeAddress, faultText } from "../message/index.ts";
import type { MessageContent } from "../queue/index.ts";
import { contentOf, type ReceivedMessage } from "../reception/index.ts";
import { type KeySource, messageIdHashOf, prepare, withHashedBody } from "../signature/index.ts";
import type { Spool } from "../spool/index.ts";
import { type Authorized, authorize } from "./authorize.ts";
import { type Outgoing, takeOutgoing } from "./convert.ts";
import { splitIntoCopies } from "./copies.ts";
import { countRecipients } from "./count-recipients.ts";
import { editHeader, editResent } from "./header-edit.ts";
import { malformed, type Refused, refused, unavailable } from "./refused.ts";
import { type Resend, readResend } from "./resend.ts";
import { signAs } from "./sign-as.ts";
import { type DkimSigners, type SignedCopy, type Signing, signAllCopies } from "./sign-copies.ts";
import type { Login } from "./vault.ts";

export interface SubmissionToSign {
  /** As the client sent it. Its body is taken over. */
  readonly message: ReceivedMessage;
  /** Forward paths without brackets. */
  readonly recipients: readonly string[];
  /** Whether addresses outside ASCII may stand in the header (SMTPUTF8). */
  readonly smtputf8: boolean;
  /** Our own ids in Authentication-Results. */
  readonly authservIds: readonly string[];
  /** Key statements are stapled to the message, where the vault has them (STP-1). */
  readonly staple: boolean;
  /** `f` of the signatures: `auto` for what no person wrote (SIG-19). */
  readonly flags?: readonly ("exact" | "auto")[];
  /** Where the keys of others are asked for, when a user passes on what he got from them (CUS-2); without this nobody may. */
  readonly keys?: KeySource | null;
  /** Where a body in 8 bits is converted to (MSG-16, MSG-17); without it, and with SMTPUTF8 (MSG-19), it stays. */
  readonly convertInto?: Pick<Spool, "receive"> | null;
  readonly dkim?: DkimSigners;
  /** Unix milliseconds. */
  readonly now: number;
}

export type SignedSubmission =
  | {
      readonly kind: "signed";
      /** Percent-encoded, as in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** Names the message in audit logs (PRV-20); null where it has no Message-ID. */
      readonly messageIdHash: string | null;
      /** The message behind the signatures, the same for every copy. Its file is the caller's to queue or to remove. */
      readonly content: MessageContent;
      /** Whether the content holds octets above 127. */
      readonly eightBit: boolean;
      readonly copies: readonly SignedCopy[];
    }
  | Refused;

/**
 * Turns a submission into signed copies: who may send as whom (SUB-1 to SUB-3), what the header lacks or must not
 * hold (SUB-4), who gets which copy (RCP-4), whether so many may (LIF-14), and a signature of its own for each (RCP-5).
 * What a user passes on gets a custody level instead (CUS-2). It is signed whole or refused whole, and never unsigned
 * (SUB-6). What is sent is made first and signed then (MSG-15).
 *
 * Rejects with a SpoolError when the disk refuses.
 */
export async function signSubmission(submission: SubmissionToSign, login: Login): Promise<SignedSubmission> {
  const { message, smtputf8, convertInto } = submission;
  const { fault } = message.scanned;
  if (fault) return malformed(faultText(fault));
  const { keys = null, now } = submission;
  const resend = keys && (await readResend(message.scanned, keys, now));
  if (resend === "unavailable") return unavailable(new Error("the author's key cannot be looked up now"));
  if (resend !== null) return passOn(submission, resend, login);
  const authorized = await authorize(login, message.scanned.header, smtputf8);
  if (authorized.kind === "refused") return authorized;
  const outgoing = await takeOutgoing(message, smtputf8 ? null : (convertInto ?? null));
  let signed = false;
  try {
    const result = await signOutgoing(outgoing, submission, authorized, login);
    signed = result.kind === "signed";
    return result;
  } finally {
    if (!signed) await outgoing.body.file?.remove();
  }
}

/** A redirect (CUS-2): what somebody else wrote stays as it is, and gets a level of the user's own. */
async function passOn(
  { message, recipients, authservIds, staple, now }: SubmissionToSign,
  { resender, level }: Resend,
  login: Login,
): Promise<SignedSubmission> {
  const { scanned } = message;
  const header = editResent(scanned.header, authservIds);
  const edited = header === scanned.header ? scanned : withHashedBody(header, scanned.bodyHashBase64);
  const copies = splitIntoCopies(recipients, header);
  const order = { message: edited, identity: resender, level, copies, isUsers: true, staple, now };
  const signed = await signAs(order, login);
  if (signed.kind === "refused") return signed;
  return {
    kind: "signed",
    identity: encodeAddress(resender),
    kids: signed.kids,
    messageIdHash: messageIdHashOf(edited),
    content: contentOf(header.octets, await message.takeBody(), message.hasEmptyLine),
    eightBit: message.eightBitBody || !isAscii(header.octets),
    copies: signed.copies,
  };
}

async function signOutgoing(
  outgoing: Outgoing,
  submission: SubmissionToSign,
  { identity, addSender, keys, from }: Authorized,
  login: Login,
): Promise<SignedSubmission> {
  const { recipients, authservIds, staple, dkim, now } = submission;
  const { scanned } = outgoing;
  const header = editHeader(scanned.header, { authservIds, identity, addSender, now });
  const prepared = prepare(
    header === scanned.header ? scanned : withHashedBody(header, scanned.bodyHashBase64),
  );
  if (!prepared.ok) return malformed(prepared.detail);
  const mismatch = prepared.check(identity, 0);
  if (mismatch) return refused(550, "5.7.1", mismatch.detail);

  const unsigned = splitIntoCopies(recipients, header);
  const over = await countRecipients(login, keys, unsigned, now);
  if (over !== null) return over;
  const signing: Signing = {
    prepared,
    login,
    identity,
    keys,
    level: 0,
    extraFields: [],
    flags: submission.flags ?? [],
    messageIdHash: messageIdHashOf(prepared.scanned),
    staple,
    dkim: dkim?.get(from[0]?.domain ?? "") ?? dkim?.get(identity.domain) ?? [],
    now,
  };
  const isSender = addSender || scanned.index.has("sender");
  const signed = await signAllCopies(signing, unsigned, isSender ? "Sender" : "From");
  if ("kind" in signed) return signed;
  return {
    kind: "signed",
    identity: encodeAddress(identity),
    kids: signed.kids,
    messageIdHash: signing.messageIdHash,
    content: contentOf(header.octets, outgoing.body),
    eightBit: outgoing.eightBitBody || !isAscii(header.octets),
    copies: signed.copies,
  };
}
