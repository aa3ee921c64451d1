import {
  type Address,
  type AddressResult,
  canonicalize,
  fieldText,
  type Header,
  type HeaderField,
  parseMailboxes,
  sameAddress,
} from "../message/index.ts";
import type { FieldIndex } from "./canonical-header.ts";
import { grantHash } from "./hashes.ts";
import type { Alignment } from "./verdict.ts";

/** Who is responsible for a message (IDY-1), and whom From names. */
export type Responsible =
  | {
      readonly ok: true;
      /** The Sender mailbox, else the sole From mailbox. Ineligible addresses never equal an identity (IDY-8). */
      readonly identity: AddressResult;
      readonly from: readonly AddressResult[];
    }
  | { readonly ok: false; readonly detail: string };

/**
 * Selects the responsible identity (IDY-1 to IDY-3, IDY-7; Resent-* has no say: IDY-4). Header fields of which there
 * are several must have been refused before.
 */
export function selectResponsible(header: Header, index: FieldIndex): Responsible {
  const fromField = index.get("from")?.[0];
  if (fromField === undefined) return { ok: false, detail: "no From field" };
  const from = readMailboxes(header, fromField);
  if (typeof from === "string") return { ok: false, detail: `From: ${from}` };
  const senderField = index.get("sender")?.[0];
  if (senderField !== undefined) {
    const sender = readMailboxes(header, senderField);
    if (typeof sender === "string") return { ok: false, detail: `Sender: ${sender}` };
    // IDY-2
    if (sender.length !== 1 || sender[0] === undefined) {
      return { ok: false, detail: `Sender holds ${sender.length} mailboxes where exactly one is allowed` };
    }
    return { ok: true, identity: sender[0], from };
  }
  if (from.length !== 1 || from[0] === undefined) {
    return { ok: false, detail: `From holds ${from.length} mailboxes and there is no Sender` };
  }
  return { ok: true, identity: from[0], from };
}

/** The eligible mailboxes that From names, as far as they can be read; also of messages that break rules. */
export function fromMailboxes(header: Header, index: FieldIndex): Address[] {
  const found: Address[] = [];
  for (const field of index.get("from") ?? []) {
    const mailboxes = readMailboxes(header, field);
    if (typeof mailboxes === "string") continue;
    for (const mailbox of mailboxes) if (mailbox.ok) found.push(mailbox.address);
  }
  return found;
}

function readMailboxes(header: Header, field: HeaderField): AddressResult[] | string {
  const parsed = parseMailboxes(fieldText(header, field));
  return parsed.ok ? parsed.mailboxes.map((mailbox) => canonicalize(mailbox.address)) : parsed.detail;
}

/**
 * How a verified identity stands to From (IDY-9 to IDY-11).
 *
 * @param grants `og` of the key statement: grant hashes, or `*` for any address of the identity's domain (IDY-13, IDY-14)
 */
export function alignment(
  identity: Address,
  kid: string,
  from: readonly AddressResult[],
  grants: readonly string[],
): Alignment {
  const authors: Address[] = [];
  for (const author of from) {
    if (!author.ok) return "sender";
    authors.push(author.address);
  }
  const [only] = authors;
  if (only === undefined) return "sender"; // an empty group (IDY-12)
  if (authors.length === 1 && sameAddress(only, identity)) return "from";
  const granted = (author: Address): boolean =>
    sameAddress(author, identity) || grants.includes("*") || grants.includes(grantHash(kid, author));
  return authors.every((author) => author.domain === identity.domain && granted(author)) ? "agent" : "sender";
}
