import {
  type Address,
  addressText,
  canonicalize,
  encodeAddress,
  fieldText,
  type Header,
  parseMailboxes,
  sameAddress,
} from "../message/index.ts";
import { malformed, notIdentified, type Refused, refused } from "./refused.ts";
import type { KeyName, Login } from "./vault.ts";

export interface Authorized {
  readonly kind: "authorized";
  /** Who signs: the responsible identity (IDY-1), Sender being added where `addSender` says so. */
  readonly identity: Address;
  readonly addSender: boolean;
  readonly keys: readonly KeyName[];
  /** Every From mailbox, in order. */
  readonly from: readonly Address[];
}

/**
 * SUB-1 to SUB-3: each author is the user's or granted; Sender, or else the sole author, signs if the user may.
 *
 * @param smtputf8 whether addresses may be beyond ASCII (RFC 6531 §3.2)
 */
export async function authorize(
  login: Login,
  header: Header,
  smtputf8: boolean,
): Promise<Authorized | Refused> {
  const authors = readAuthors(header);
  if ("kind" in authors) return authors;
  const { from, sender } = authors;
  if (!smtputf8) {
    for (const author of from) if (!isAscii(author)) return needsSmtpUtf8(author, "From");
    if (sender !== null && !isAscii(sender)) return needsSmtpUtf8(sender, "Sender");
  }
  let agent: Authorized | null = null;
  // Somebody whom From names a thousand times is asked about once.
  for (const author of new Map(from.map((one) => [addressText(one), one])).values()) {
    const answer = await login.identify(author);
    if (answer.kind !== "granted") return notIdentified(answer, author, "From");
    const { identity, keys } = answer;
    const addSender = from.length > 1 || !sameAddress(identity, author);
    agent ??= { kind: "authorized", identity, addSender, keys, from };
  }
  if (sender === null) {
    if (agent?.addSender && !smtputf8 && !isAscii(agent.identity)) {
      const identity = encodeAddress(agent.identity);
      return refused(550, "5.6.7", `Sender ${identity} has to be added, which needs SMTPUTF8`);
    }
    return agent ?? malformed("no From address");
  }
  const answer = await login.identify(sender);
  if (answer.kind !== "granted") return notIdentified(answer, sender, "Sender");
  const { identity, keys } = answer;
  // In Sender nobody stands on behalf of whom somebody else writes.
  if (!sameAddress(identity, sender)) return notIdentified({ kind: "not-granted" }, sender, "Sender");
  return { kind: "authorized", identity, addSender: false, keys, from };
}

/** Whom a message names as its authors. */
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
      const result = canonicalize(mailbox.address);
      if (!result.ok) return refused(550, "5.7.1", `${shown}: ${result.detail}, so no account owns it`);
      if (field.name === "from") from.push(result.address);
      else sender = result.address;
    }
  }
  if (from.length === 0 && sender === null) return malformed("no From address");
  return { from, sender };
}

function isAscii({ localPart }: Address): boolean {
  return !/[^\0-\x7f]/.test(localPart);
}

function needsSmtpUtf8(address: Address, field: "From" | "Sender"): Refused {
  return refused(550, "5.6.7", `${encodeAddress(address)} in ${field} needs SMTPUTF8`);
}
