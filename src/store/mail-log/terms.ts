import type { MailLogFilter, ReceivedEntry } from "../../mail-log/index.ts";
import { addressText, canonicalAddress, canonicalDomain, decodeAddress } from "../../message/index.ts";

// Entries are found by what stands in them, in whatever role: an address as From, as reverse path or as recipient is one
// term, so that usual mail has seven. Whoever looks checks the role in the entry itself. Changing how a term is made
// makes older entries unfindable by it.

/** Outcomes that most mail has are found by looking through it. */
const USUAL = new Set(["pass", "none", "unsigned", "deliver"]);

/** The terms of one entry, each once. */
export function termsOf(entry: ReceivedEntry): Set<number> {
  const terms = new Set<number>();
  const add = (word: string | null): void => {
    if (word !== null && word !== "" && !USUAL.has(word)) terms.add(termOf(word));
  };
  const addAddress = (address: string): void => {
    add(address);
    add(domainPart(address));
  };
  for (const address of entry.from) addAddress(addressWord(address));
  addAddress(addressWord(entry.reversePath));
  for (const address of entry.recipients) addAddress(addressWord(address));
  if (entry.identity !== null) addAddress(identityWord(entry.identity));
  add(entry.kid);
  add(entry.client);
  add(entry.messageId);
  add(entry.result);
  add(entry.reason);
  add(entry.action);
  return terms;
}

/** The terms that an entry must have to fit, those first that few have. */
export function termsOfFilter(filter: MailLogFilter): number[] {
  const { messageId, kid, identity, from, to, client, domain, reason, action, result } = filter;
  const addresses = [identity, from, to].map((text) => text && wantedWord(text));
  const isWhole = (word: string | undefined): boolean => word !== undefined && !word.startsWith("@");
  const words = [
    messageId,
    kid,
    ...addresses.filter(isWhole),
    client?.toLowerCase(),
    ...addresses.filter((word) => !isWhole(word)),
    domain === undefined ? undefined : domainWord(domain),
    ...[reason, action, result].filter((word) => word !== undefined && !USUAL.has(word)),
  ];
  return [
    ...new Set(
      words.filter((word) => word !== undefined && word !== "").map((word) => termOf(word as string)),
    ),
  ];
}

/** An address, or `@` and a domain, as it is compared. */
export function wantedWord(text: string): string {
  return text.startsWith("@") ? domainWord(text) : addressWord(text);
}

/** `@` and the domain, in A-labels. */
export function domainWord(text: string): string {
  const name = text.replace(/^@/, "");
  return `@${canonicalDomain(name) ?? name.toLowerCase()}`;
}

/** An address of an envelope or a header, as it is compared. */
export function addressWord(text: string): string {
  // Nearly all are, and canonical but for their letters.
  if (/^[\w.+=~-]+@[\w.-]+$/.test(text)) return text.toLowerCase();
  return canonicalAddress(text) ?? text.toLowerCase();
}

/** An identity as it stands in a signature: percent-encoded. */
export function identityWord(identity: string): string {
  if (!identity.includes("%")) return identity.toLowerCase();
  const address = decodeAddress(identity);
  return address === null ? identity : addressText(address);
}

/** `@` and what follows it in a canonical address; empty where there is none. */
export function domainPart(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? "" : address.slice(at);
}

/** 53 bits, not against malice: what does not fit is sorted out later. */
function termOf(word: string): number {
  let high = 0x5bd1e995;
  let low = 0x1b873593;
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i);
    high = Math.imul(high ^ code, 0x9e3779b1);
    low = Math.imul(low ^ code, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}
