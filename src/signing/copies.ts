import {
  type Address,
  addressText,
  canonicalize,
  fieldText,
  type Header,
  parseAddress,
  parseMailboxes,
} from "../message/index.ts";
import { MAX_RECIPIENTS } from "../signature/index.ts";

/** Who gets one copy of a message. */
export interface Copy {
  /** As the client gave them. */
  readonly recipients: readonly string[];
  /** Whom the copy is bound to (`r`): the same in canonical form; empty where that does not exist. */
  readonly bound: readonly Address[];
}

/**
 * Splits a message's recipients into copies (RCP-4 to RCP-6): those whom To or Cc names go together by domain, at
 * most 32 a copy; every other one is blind and gets a copy alone, so that nobody can test for it. A recipient
 * named twice gets the message once. An address that VSMTP has no canonical form for (an address literal) also
 * gets a copy alone, bound to nobody.
 */
export function splitIntoCopies(recipients: readonly string[], header: Header): Copy[] {
  const visible = visibleRecipients(header);
  const byDomain = new Map<string, Map<string, { text: string; address: Address }>>();
  const alone = new Map<string, Copy>();
  for (const text of recipients) {
    const parsed = parseAddress(text);
    if (!parsed.ok) {
      if (!alone.has(text)) alone.set(text, { recipients: [text], bound: [] });
      continue;
    }
    const { address } = parsed;
    const key = addressText(address);
    if (!visible.has(key)) {
      if (!alone.has(key)) alone.set(key, { recipients: [text], bound: [address] });
      continue;
    }
    let group = byDomain.get(address.domain);
    if (group === undefined) {
      group = new Map();
      byDomain.set(address.domain, group);
    }
    if (!group.has(key)) group.set(key, { text, address });
  }
  const together = [...byDomain.values()].flatMap((group) => chunks([...group.values()], MAX_RECIPIENTS));
  return [
    ...together.map((members) => ({
      recipients: members.map(({ text }) => text),
      bound: members.map(({ address }) => address),
    })),
    ...alone.values(),
  ];
}

/** A To or Cc that cannot be read names nobody: all are then blind, which discloses nothing. */
export function visibleRecipients(header: Header): Set<string> {
  const visible = new Set<string>();
  for (const field of header.fields) {
    if (field.name !== "to" && field.name !== "cc") continue;
    const parsed = parseMailboxes(fieldText(header, field));
    if (!parsed.ok) continue;
    for (const mailbox of parsed.mailboxes) {
      const canonical = canonicalize(mailbox.address);
      if (canonical.ok) visible.add(addressText(canonical.address));
    }
  }
  return visible;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += size) result.push(items.slice(at, at + size));
  return result;
}
