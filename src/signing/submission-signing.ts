import { setImmediate as nextTurn } from "node:timers/promises";
import { formatStaple } from "../key-protocol/index.ts";
import {
  type Address,
  type AddressResult,
  addressText,
  canonicalize,
  encodeAddress,
  faultText,
  fieldText,
  formatAddress,
  type Header,
  HeaderReader,
  parseHeader,
  parseMailboxes,
  sameAddress,
} from "../message/index.ts";
import { canonicalField, MessageSigner, messageIdHash, type PreparedMessage } from "../signature/index.ts";
import { type Reply, reply } from "../smtp/index.ts";
import { type Copy, splitIntoCopies } from "./copies.ts";
import { editHeader } from "./header-edit.ts";
import { noUse, overLimit } from "./refusal-reply.ts";
import type { KeyName, Login, NoUse, Signed } from "./vault.ts";

export interface SubmissionToSign {
  /** The message as the client sent it, CRLF line ends, in pieces of any size. */
  readonly message: readonly Uint8Array[];
  /** Forward paths without brackets. */
  readonly recipients: readonly string[];
  /** Whether addresses outside ASCII may be added to the header (SMTPUTF8). */
  readonly smtputf8: boolean;
  /** Our own ids in Authentication-Results. */
  readonly authservIds: readonly string[];
  /** Key statements are stapled to the message, where the vault has them (STP-1). */
  readonly staple: boolean;
  /** Unix milliseconds. */
  readonly now: number;
}

export interface SignedCopy {
  readonly recipients: readonly string[];
  /** The signature fields of this copy and what is stapled to it, each with its CRLF; they go before the content. */
  readonly signatures: Buffer;
}

export type SignedSubmission =
  | {
      readonly kind: "signed";
      /** Percent-encoded, as in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** Names the message in audit logs (PRV-20); null where it has no Message-ID. */
      readonly messageIdHash: string | null;
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

/** Copies signed at the same time: they share the key server's round trip, and its commits. */
const COPIES_AT_ONCE = 32;

/**
 * Turns a submission into signed copies: who may send as whom (SUB-1 to SUB-3), what the header lacks or must not
 * hold (SUB-4), who gets which copy (RCP-4), whether so many may (LIF-14), and a signature of its own for each (RCP-5).
 * It is signed whole or refused whole, and never unsigned (SUB-6).
 */
export async function signSubmission(submission: SubmissionToSign, login: Login): Promise<SignedSubmission> {
  const reader = new HeaderReader();
  const body = submission.message.map((piece) => reader.write(piece)).filter(({ length }) => length > 0);
  const header = parseHeader(reader.finish());
  const fault = reader.fault ?? header.fault;
  if (fault) return malformed(faultText(fault));
  const authors = readAuthors(header);
  if ("kind" in authors) return authors;

  const authorization = await authorize(login, authors);
  if (authorization.kind !== "authorized") return authorization;
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

  const unsigned = splitIntoCopies(submission.recipients, header);
  const spent = await login.spend(unsigned.reduce((count, { recipients }) => count + recipients.length, 0));
  if (spent.kind === "limited") return refusal(overLimit(spent, submission.now));
  if (spent.kind !== "spent") return notUsed(spent);
  const { staple, now } = submission;
  const [messageId] = prepared.scanned.index.get("message-id") ?? [];
  const signing: Signing = {
    prepared,
    login,
    identity,
    keys: authorization.keys,
    messageIdHash: messageId ? messageIdHash(canonicalField(prepared.scanned.header, messageId)) : null,
    staple,
    now,
  };
  let result = await signCopies(signing, unsigned);
  if (result === "replaced") {
    // Keys were replaced meanwhile, or a remembered answer is older than they are.
    const renewed = await login.identify(identity);
    if (renewed.kind !== "granted") return notIdentified(renewed, identity);
    result = await signCopies({ ...signing, keys: renewed.keys }, unsigned);
  }
  if (result === "replaced")
    return unavailable(new Error("keys are replaced faster than a message is signed"));
  if (!("copies" in result)) return result;
  const { messageIdHash: hash } = signing;
  return { kind: "signed", identity: encodeAddress(identity), messageIdHash: hash, content, ...result };
}

type Authorized = {
  readonly kind: "authorized";
  /** Who signs: the responsible identity (IDY-1), Sender being added where `addSender` says so. */
  readonly identity: Address;
  readonly addSender: boolean;
  readonly keys: readonly KeyName[];
};

/** SUB-1 to SUB-3: each author is the user's or granted; Sender, or else the sole author, signs if the user may. */
async function authorize(login: Login, { from, sender }: Authors): Promise<Authorized | Refused> {
  let agent: Authorized | null = null;
  // Somebody whom From names a thousand times is asked about once.
  for (const author of new Map(from.map((one) => [addressText(one), one])).values()) {
    const answer = await login.identify(author);
    if (answer.kind !== "granted") return notIdentified(answer, author);
    const { identity, keys } = answer;
    const addSender = from.length > 1 || !sameAddress(identity, author);
    agent ??= { kind: "authorized", identity, addSender, keys };
  }
  if (sender === null) return agent ?? malformed("no From address");
  const answer = await login.identify(sender);
  if (answer.kind !== "granted") return notIdentified(answer, sender);
  const { identity, keys } = answer;
  // In Sender nobody stands on behalf of whom somebody else writes.
  if (!sameAddress(identity, sender)) return notIdentified({ kind: "not-granted" }, sender);
  return { kind: "authorized", identity, addSender: false, keys };
}

interface Signing {
  readonly prepared: PreparedMessage;
  readonly login: Login;
  readonly identity: Address;
  readonly keys: readonly KeyName[];
  readonly messageIdHash: string | null;
  readonly staple: boolean;
  readonly now: number;
}

async function signCopies(
  signing: Signing,
  unsigned: readonly Copy[],
): Promise<Pick<SignedSubmission & { kind: "signed" }, "copies" | "kids"> | Refused | "replaced"> {
  const staples = signing.staple ? formatStaples(signing.keys) : Buffer.alloc(0);
  const copies: SignedCopy[] = [];
  while (copies.length < unsigned.length) {
    const some = unsigned.slice(copies.length, copies.length + COPIES_AT_ONCE);
    const answers = await Promise.all(some.map((copy) => signCopy(signing, copy)));
    for (const [index, answer] of answers.entries()) {
      if (!Buffer.isBuffer(answer)) return answer;
      copies.push({
        recipients: some[index]?.recipients ?? [],
        signatures: Buffer.concat([answer, staples]),
      });
    }
    await nextTurn();
  }
  return { copies, kids: signing.keys.map(({ kid }) => kid) };
}

function formatStaples(keys: readonly KeyName[]): Buffer {
  const fields = keys.map(({ statement }) => (statement === null ? null : formatStaple(statement)) ?? "");
  return Buffer.from(fields.join(""), "latin1");
}

/** One field for each key, alike except in `a`, `k` and `b` (SIG-52). */
async function signCopy(
  { prepared, login, identity, keys, messageIdHash, now }: Signing,
  copy: Copy,
): Promise<Buffer | Refused | "replaced"> {
  const signedAt = Math.floor(now / 1000);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const fields: Uint8Array[] = [];
  for (const { kid, algorithm } of keys) {
    const draft = prepared.draft({ identity, kid, algorithm, signedAt, salt, recipients: copy.bound });
    const { headerCanonical, input } = draft;
    const recipientCount = copy.recipients.length;
    const order = { identity, kid, recipientCount, headerCanonical, input, messageIdHash };
    const signed = await login.sign(order);
    if (signed.kind !== "signed") return notSigned(signed, now);
    fields.push(draft.complete(signed.signature));
  }
  return Buffer.concat(fields);
}

/** Whom a message names as its authors: what SUB-1 to SUB-3 are decided on. */
interface Authors {
  /** Every From mailbox. */
  readonly from: readonly Address[];
  /** The Sender mailbox; null when there is no Sender field. */
  readonly sender: Address | null;
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

function notIdentified(answer: NoUse | { readonly kind: "not-granted" }, address: Address): Refused {
  if (answer.kind !== "not-granted") return notUsed(answer);
  const text = `${encodeAddress(address)} in From or Sender is neither your address nor granted to you`;
  return refused(550, "5.7.1", text);
}

function notSigned(answer: Exclude<Signed, { kind: "signed" }>, now: number): Refused | "replaced" {
  switch (answer.kind) {
    case "replaced":
      return "replaced";
    case "refused":
      return refused(550, "5.7.1", `The key server refuses to sign: ${answer.detail}`);
    case "malformed":
      return malformed(`the key server cannot read it: ${answer.detail}`);
    case "limited":
      return refusal(overLimit(answer, now));
    default:
      return notUsed(answer);
  }
}

function notUsed(answer: NoUse): Refused {
  if (answer.kind === "unavailable") return unavailable(answer.cause);
  return refusal(noUse(answer));
}

function unavailable(cause: unknown): Refused {
  const text = "The message cannot be signed now, so it is not sent; try again later";
  return { kind: "refused", reply: reply(451, "4.4.3", text), cause };
}

function refusal(answer: Reply): Refused {
  return { kind: "refused", reply: answer, cause: null };
}

function malformed(detail: string): Refused {
  return refused(550, "5.6.0", `The message cannot be signed: ${detail}`);
}

function refused(code: number, enhanced: string, text: string): Refused {
  return refusal(reply(code, enhanced, text));
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

const CRLF = Buffer.from("\r\n");
