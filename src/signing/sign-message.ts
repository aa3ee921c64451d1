import {
  applyEdits,
  encodeAddress,
  faultText,
  type Header,
  type HeaderEdit,
  parseHeader,
} from "../message/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import {
  type KeySource,
  messageIdHashOf,
  prepare,
  type ScannedMessage,
  withHashedBody,
} from "../signature/index.ts";
import { type Authorized, authorize } from "./authorize.ts";
import type { Converted } from "./convert.ts";
import { type Copy, splitIntoCopies } from "./copies.ts";
import { countRecipients } from "./count-recipients.ts";
import { asOneCopy } from "./one-copy.ts";
import { malformed, type Refused, refused, unavailable } from "./refused.ts";
import { type Resend, readResend } from "./resend.ts";
import { signAs } from "./sign-as.ts";
import { type DkimSigners, type SignedCopy, signAllCopies } from "./sign-copies.ts";
import { missingMimeFields } from "./steady-edits.ts";
import { resentEdits, submissionEdits } from "./submission-edits.ts";
import type { Login } from "./vault.ts";

/** What a user hands in, and how it is signed. */
export interface MessageToSign {
  /** As the client sent it. */
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
  readonly dkim?: DkimSigners;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What the message's header says of who hands it in. */
export type Author = Authorized | (Resend & { readonly kind: "resend" });

/** Its header after all edits, and a signature of it for each copy. */
export interface SignedMessage {
  readonly kind: "signed";
  /** Percent-encoded, as in `i`. */
  readonly identity: string;
  readonly kids: readonly string[];
  /** Names the message in audit logs (PRV-20); null where it has no Message-ID. */
  readonly messageIdHash: string | null;
  /** Behind the signatures, the same in every copy. */
  readonly header: Header;
  /** What made it of the header that came. */
  readonly edits: readonly HeaderEdit[];
  readonly copies: readonly SignedCopy[];
}

/** Who hands it in, and may he (SUB-1 to SUB-3)? A redirect is told from a new message (CUS-2). */
export async function authorOf(
  { message, smtputf8, keys = null, now }: MessageToSign,
  login: Login,
): Promise<Author | Refused> {
  const { fault } = message.scanned;
  if (fault) return malformed(faultText(fault));
  const resend = keys && (await readResend(message.scanned, keys, now));
  if (resend === "unavailable") return unavailable(new Error("the author's key cannot be looked up now"));
  if (resend !== null) return { kind: "resend", ...resend };
  return authorize(login, message.scanned.header, smtputf8);
}

/**
 * Edits the header (SUB-4), divides the message into copies (RCP-4), counts their recipients (LIF-14) and signs each (RCP-5).
 * It is signed whole or refused whole, and never unsigned (SUB-6).
 *
 * @param converted what is sent, made before it is signed (MSG-15)
 * @param copies `one`: the host cannot send different ones
 */
export async function signMessage(
  toSign: MessageToSign,
  author: Author,
  converted: Converted,
  copies: "split" | "one",
  login: Login,
): Promise<SignedMessage | Refused> {
  const { header } = toSign.message.scanned;
  const { authservIds, now } = toSign;
  const made =
    author.kind === "resend"
      ? resentEdits(header, authservIds)
      : submissionEdits(header, { authservIds, now, ...author });
  const edits = [...converted.edits, ...made];
  if (author.kind !== "resend") {
    edits.push(...missingMimeFields(parseHeader(applyEdits(header, edits)), converted.eightBitBody));
  }
  const edited = parseHeader(applyEdits(header, edits));
  const message = withHashedBody(edited, converted.bodyHashBase64);
  const unsigned =
    copies === "one" ? [asOneCopy(toSign.recipients, edited)] : splitIntoCopies(toSign.recipients, edited);
  const signed =
    author.kind === "resend"
      ? await passOn(toSign, author, message, unsigned, login)
      : await signNew(toSign, author, message, unsigned, login);
  if (signed.kind === "refused") return signed;
  const identity = encodeAddress(author.kind === "resend" ? author.resender : author.identity);
  return { ...signed, identity, messageIdHash: messageIdHashOf(message), header: edited, edits };
}

type SignedCopies = Pick<SignedMessage, "kind" | "kids" | "copies"> | Refused;

/** A redirect (CUS-2): what somebody else wrote stays as it is, and gets a level of the user's own. */
function passOn(
  { staple, now }: MessageToSign,
  { resender: identity, level }: Resend,
  message: ScannedMessage,
  copies: readonly Copy[],
  login: Login,
): Promise<SignedCopies> {
  return signAs({ message, identity, level, copies, isUsers: true, staple, now }, login);
}

async function signNew(
  { staple, dkim, flags = [], now, message: came }: MessageToSign,
  { identity, addSender, keys, from }: Authorized,
  message: ScannedMessage,
  copies: readonly Copy[],
  login: Login,
): Promise<SignedCopies> {
  const prepared = prepare(message);
  if (!prepared.ok) return malformed(prepared.detail);
  const mismatch = prepared.check(identity, 0);
  if (mismatch) return refused(550, "5.7.1", mismatch.detail);
  const over = await countRecipients(login, keys, copies, now);
  if (over !== null) return over;
  const signing = {
    prepared,
    login,
    identity,
    keys,
    level: 0,
    extraFields: [],
    flags,
    messageIdHash: messageIdHashOf(message),
    staple,
    dkim: dkim?.get(from[0]?.domain ?? "") ?? dkim?.get(identity.domain) ?? [],
    now,
  };
  const isSender = addSender || came.scanned.index.has("sender");
  const signed = await signAllCopies(signing, copies, isSender ? "Sender" : "From");
  return "kind" in signed ? signed : { kind: "signed", ...signed };
}
