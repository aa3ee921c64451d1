import type { MailingList } from "../config/index.ts";
import type { Expanded } from "../delivery/index.ts";
import {
  type Address,
  addressText,
  canonicalize,
  faultText,
  fieldText,
  type Header,
  parseMailboxes,
  propertyOf,
} from "../message/index.ts";
import { type LeasedMessage, type NewMessage, newMessageId, type StoredContent } from "../queue/index.ts";
import { contentOf } from "../reception/index.ts";
import { type ScannedMessage, withHashedBody } from "../signature/index.ts";
import { type Copy, type SignedAs, signAs, splitIntoCopies } from "../signing/index.ts";
import type { BearsAlteredMail } from "./bears-altered-mail.ts";
import { LIST_COVERED, listHeader, listId } from "./list-header.ts";
import { loopProblem, traceOf } from "./loops.ts";
import { holdsMember, type MembersOf } from "./members.ts";
import { dropped, notNow, passedOn } from "./outcome.ts";
import { type PassingMessage, readHeader, readPassing } from "./passing-message.ts";
import { recordedVerdict } from "./recorded-verdict.ts";
import { seal } from "./seal.ts";
import type { Tools } from "./tools.ts";

/** Mail for a list goes to its members. */
export interface ListOrder {
  readonly address: Address;
  readonly name: string;
  readonly list: MailingList;
  readonly members: MembersOf;
}

/**
 * Sends a post to all members of a list: its signatures go, the list's own covers what it became (CUS-6). Nothing is sent
 * unsigned. Who may not write is refused where he is proved, and ignored where anybody could have written in his name.
 */
export async function postToList(
  message: LeasedMessage,
  order: ListOrder,
  content: () => Promise<StoredContent>,
  bears: BearsAlteredMail,
  tools: Tools,
): Promise<Expanded> {
  const { address, list } = order;
  if (message.suspicious) return notNow("5.7.1", "suspicious mail is not passed on");
  const header = await readHeader(await content());
  const loop = loopProblem(header, address) ?? ownPost(header, address);
  if (loop !== null) return notNow("5.4.6", loop);
  // RFC 3834: reports and automatic answers would go to everybody, and be answered.
  if (isAutomatic(message, header)) return dropped("automatic mail is not for lists");
  const authors = authorsOf(header);
  if (authors === null) return notNow("5.6.0", "its From cannot be read");
  const members = await order.members();
  if (members === null) return notNow("4.3.5", "the members of the list cannot be read now");
  if (!isProved(message, header)) {
    if (list.posts === "members") return dropped("its author is not proved");
    // Our signature beside a name of ours would be believed, and may even be granted (IDY-10).
    if (authors.some(({ domain }) => domain === address.domain)) {
      return dropped("its author is in the list's own domain, and not proved");
    }
  } else if (list.posts === "members") {
    if (!holdsMember(members, authors.map(addressText))) {
      return notNow("5.7.2", `only members may write to ${addressText(address)}`);
    }
    // Whoever has a letter of a member's could write to all in his name with it (VER-16).
    if (wasForOthers(header)) {
      return notNow(
        "5.7.2",
        `only members may write to ${addressText(address)}, and this was signed for others`,
      );
    }
  }
  if (members.length === 0) return dropped("the list has no members");
  const rewriteFrom = await rewrites(list, authors, bears);
  const passing = await readPassing(await content(), tools.spool);
  let queued = false;
  try {
    const expanded = await send(message, order, passing, members, rewriteFrom, tools);
    queued = expanded.messages.length > 0;
    return expanded;
  } finally {
    if (!queued) await passing.body.file?.remove();
  }
}

async function send(
  message: LeasedMessage,
  { address, name, list }: ListOrder,
  passing: PassingMessage,
  members: readonly string[],
  rewriteFrom: boolean,
  tools: Tools,
): Promise<Expanded> {
  const { fault } = passing.scanned;
  if (fault) return notNow("5.6.0", faultText(fault));
  const { subjectPrefix } = list;
  const header = listHeader(passing.scanned.header, { address, name, rewriteFrom, subjectPrefix });
  const scanned = withHashedBody(header, passing.scanned.bodyHashBase64);
  const copies = splitIntoCopies(members, header);
  const signed = await sign(scanned, copies, address, tools);
  if (signed === "nobody") {
    return notNow("4.3.5", `${addressText(address)} has no account here whose key could sign`);
  }
  if (signed === "later") return notNow("4.4.3", "it waits for the key server, to be signed by the list");
  if (signed.kind === "refused") {
    const { code, enhanced, text } = signed.reply;
    const words = [text].flat().join(" ");
    return notNow(enhanced ?? `${String(code)[0]}.7.1`, `the list cannot sign it: ${words}`);
  }
  const shared = contentOf(header.octets, passing.body, passing.hasEmptyLine);
  const now = tools.now();
  const sealed = seal(scanned, address.domain, tools.dkim, now);
  // Lists that are members of each other take each other's List-Id away: this stays.
  const trace = traceOf(address);
  const messages = signed.copies.map(({ recipients, signatures }): NewMessage => {
    return {
      id: newMessageId(now),
      // What comes back is not the author's affair.
      sender: `${name}-bounces@${address.domain}`,
      recipients: recipients.map((one) => ({ address: one, notify: ["failure"], originalRecipient: null })),
      prefix: Buffer.concat([signatures, trace, sealed]),
      content: shared,
      body: message.body,
      smtputf8: message.smtputf8,
      requireTls: message.requireTls,
      envelopeId: null,
      returned: "headers",
      account: signed.account,
      kids: signed.kids,
      suspicious: false,
    };
  });
  const how = rewriteFrom ? "From the list" : "with the list as Sender";
  return passedOn(messages, `sent to ${members.length} members as ${messages[0]?.id} and on, ${how}`);
}

type SignedPost = SignedAs & { readonly account: string };

async function sign(
  message: ScannedMessage,
  copies: readonly Copy[],
  identity: Address,
  { vault, staple, dkim, now }: Tools,
): Promise<"nobody" | "later" | SignedPost> {
  const login = await vault?.assert(identity, { client: "", channelBinding: null });
  if (login == null) return "nobody";
  if ("kind" in login) return login.kind === "denied" ? "nobody" : "later";
  try {
    const order = {
      message,
      identity,
      level: 0,
      copies,
      extraFields: LIST_COVERED,
      staple,
      dkim,
      now: now(),
    };
    const signed = await signAs(order, login);
    return { ...signed, account: login.accountId };
  } finally {
    login.end();
  }
}

/** CUS-6 */
async function rewrites(
  { from }: MailingList,
  authors: readonly Address[],
  bears: BearsAlteredMail,
): Promise<boolean> {
  if (from !== "auto") return from === "rewrite";
  const domains = [...new Set(authors.map(({ domain }) => domain))];
  return !(await Promise.all(domains.map(bears))).every(Boolean);
}

function ownPost(header: Header, address: Address): string | null {
  const id = `<${listId(address)}>`;
  const isOurs = header.fields.some(
    (field) => field.name === "list-id" && fieldText(header, field).toLowerCase().endsWith(id),
  );
  return isOurs ? `it is a post of ${addressText(address)} already: mail loop` : null;
}

function isAutomatic({ sender }: LeasedMessage, header: Header): boolean {
  if (sender === "") return true;
  const said = header.fields.find((field) => field.name === "auto-submitted");
  return said !== undefined && !/^no\b/i.test(fieldText(header, said));
}

/** Canonical; null where not all of From can be. */
function authorsOf(header: Header): readonly Address[] | null {
  const [field, ...more] = header.fields.filter(({ name }) => name === "from");
  if (field === undefined || more.length > 0) return null;
  const parsed = parseMailboxes(fieldText(header, field));
  if (!parsed.ok || parsed.mailboxes.length === 0) return null;
  const authors: Address[] = [];
  for (const mailbox of parsed.mailboxes) {
    const result = canonicalize(mailbox.address);
    if (!result.ok) return null;
    authors.push(result.address);
  }
  return authors;
}

/** Somebody answers for From: a border of ours found so, or it was written by a user of ours (SUB-1). */
function isProved({ account }: LeasedMessage, header: Header): boolean {
  const recorded = recordedVerdict(header);
  if (recorded === null) return account !== null;
  const align = propertyOf(recorded, "policy.align");
  return recorded.result === "pass" && (align === "from" || align === "agent");
}

function wasForOthers(header: Header): boolean {
  const recorded = recordedVerdict(header);
  return recorded !== null && propertyOf(recorded, "policy.rcpt") === "mismatch";
}
