import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Address,
  type AddressResult,
  canonicalize,
  encodeAddress,
  faultText,
  fieldText,
  formatAddress,
  type Header,
  HeaderReader,
  parseHeader,
  parseMailboxes,
} from "../message/index.ts";
import { MessageSigner, type PreparedMessage } from "../signature/index.ts";
import { type Reply, reply } from "../smtp/index.ts";
import { type Copy, splitIntoCopies } from "./copies.ts";
import { editHeader } from "./header-edit.ts";
import type { Authorization, Authors, KeyName, Signer } from "./signer.ts";

export interface SubmissionToSign {
  readonly account: string;
  /** The message as the client sent it, CRLF line ends, in pieces of any size. */
  readonly message: readonly Uint8Array[];
  /** Forward paths without brackets. */
  readonly recipients: readonly string[];
  /** Whether addresses outside ASCII may be added to the header (SMTPUTF8). */
  readonly smtputf8: boolean;
  /** Our own ids in Authentication-Results. */
  readonly authservIds: readonly string[];
  /** Unix milliseconds. */
  readonly now: number;
}

export interface SignedCopy {
  readonly recipients: readonly string[];
  /** The signature fields of this copy, each with its CRLF; they go before the content. */
  readonly signatures: Buffer;
}

export type SignedSubmission =
  | {
      readonly kind: "signed";
      /** Percent-encoded, as in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** The message behind the signatures, the same octets for every copy. */
      readonly content: Buffer;
      readonly copies: readonly SignedCopy[];
    }
  | {
      readonly kind: "refused";
      readonly reply: Reply;
      /** For the log; null where the reply says it all. */
      readonly cause: unknown;
    };

type Refused = SignedSubmission & { kind: "refused" };

/** Copies signed in one turn of the event loop: about 10 ms. */
const COPIES_A_TURN = 64;

/**
 * Turns a submission into signed copies: who may send as whom (SUB-1 to SUB-3), what the header lacks or must not
 * hold (SUB-4), who gets which copy (RCP-4), and a signature of its own for each (RCP-5). It is signed whole or
 * refused whole, and never unsigned (SUB-6).
 */
export async function signSubmission(
  submission: SubmissionToSign,
  signer: Signer,
): Promise<SignedSubmission> {
  const reader = new HeaderReader();
  const body = submission.message.map((piece) => reader.write(piece)).filter(({ length }) => length > 0);
  const header = parseHeader(reader.finish());
  const fault = reader.fault ?? header.fault;
  if (fault) return malformed(faultText(fault));
  const authors = readAuthors(header);
  if ("kind" in authors) return authors;

  const authorization = await signer.authorize(submission.account, authors);
  if (authorization.kind !== "authorized") return notAuthorized(authorization);
  const { identity, addSender } = authorization;
  if (addSender && !submission.smtputf8 && !isAscii(formatAddress(identity))) {
    return refused(550, "5.6.7", `Sender ${encodeAddress(identity)} has to be added, which needs SMTPUTF8`);
  }
  const newHeader = editHeader(header, { ...submission, identity, addSender });
  const content = Buffer.concat([newHeader, CRLF, ...body]);
  const message = new MessageSigner();
  message.write(content);
  const prepared = message.finish();
  if (!prepared.ok) return malformed(prepared.detail);
  const mismatch = prepared.check(identity, 0);
  if (mismatch) return refused(550, "5.7.1", mismatch.detail);

  const copies: SignedCopy[] = [];
  for (const copy of splitIntoCopies(submission.recipients, header)) {
    const signatures = await signCopy(prepared, copy, submission, authorization, signer);
    if (!Buffer.isBuffer(signatures)) return signatures;
    copies.push({ recipients: copy.recipients, signatures });
    if (copies.length % COPIES_A_TURN === 0) await nextTurn();
  }
  const kids = authorization.keys.map(({ kid }) => kid);
  return { kind: "signed", identity: encodeAddress(identity), kids, content, copies };
}

/** One field for each key, alike except in `a`, `k` and `b` (SIG-52). */
async function signCopy(
  prepared: PreparedMessage,
  copy: Copy,
  { account, now }: SubmissionToSign,
  { identity, keys }: { identity: Address; keys: readonly KeyName[] },
  signer: Signer,
): Promise<Buffer | Refused> {
  const signedAt = Math.floor(now / 1000);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const fields: Uint8Array[] = [];
  for (const { kid, algorithm } of keys) {
    const draft = prepared.draft({ identity, kid, algorithm, signedAt, salt, recipients: copy.bound });
    const { headerCanonical, input } = draft;
    const recipientCount = copy.recipients.length;
    const signed = await signer.sign({ account, identity, kid, recipientCount, headerCanonical, input });
    if (signed.kind !== "signed") return notAuthorized(signed);
    fields.push(draft.complete(signed.signature));
  }
  return Buffer.concat(fields);
}

/** From and Sender as far as ownership needs them; what else is wrong with them, preparing the message finds out. */
function readAuthors(header: Header): Authors | Refused {
  const from: Address[] = [];
  let sender: Address | null = null;
  for (const field of header.fields) {
    if (field.name !== "from" && field.name !== "sender") continue;
    const shown = field.name === "from" ? "From" : "Sender";
    const parsed = parseMailboxes(fieldText(header, field));
    if (!parsed.ok) return malformed(`${shown}: ${parsed.detail}`);
    for (const mailbox of parsed.mailboxes) {
      const result: AddressResult = canonicalize(mailbox.address);
      if (!result.ok) return refused(550, "5.7.1", `${shown}: ${result.detail}, so no account owns it`);
      if (field.name === "from") from.push(result.address);
      else sender = result.address;
    }
  }
  if (from.length === 0 && sender === null) return malformed("no From address");
  return { from, sender };
}

function notAuthorized(answer: Exclude<Authorization, { kind: "authorized" }>): Refused {
  if (answer.kind === "suspended")
    return refused(550, "5.7.1", "This account is suspended; ask your provider");
  if (answer.kind === "not-granted") {
    const address = encodeAddress(answer.address);
    return refused(550, "5.7.1", `${address} in From or Sender is neither your address nor granted to you`);
  }
  const text = "The message cannot be signed now, so it is not sent; try again later";
  return { kind: "refused", reply: reply(451, "4.4.3", text), cause: answer.cause };
}

function malformed(detail: string): Refused {
  return refused(550, "5.6.0", `The message cannot be signed: ${detail}`);
}

function refused(code: number, enhanced: string, text: string): Refused {
  return { kind: "refused", reply: reply(code, enhanced, text), cause: null };
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

const CRLF = Buffer.from("\r\n");
