import type { LoggedMessage, MailLogFilter, ReceivedEntry, SubmittedEntry } from "../../mail-log/index.ts";
import { addressText, canonicalAddress, canonicalDomain, decodeAddress } from "../../message/index.ts";

// Entries are found by what stands in them, in whatever role: an address as From, as reverse path or as recipient is one
// term, so that usual mail has seven. Whoever looks checks the role in the entry itself; only the recipients of what users
// hand in do not stand there, and have terms of their own. Changing how a term is made makes older entries unfindable by it.

/** Outcomes that most mail has are found by looking through it. */
const USUAL = new Set(["pass", "none", "unsigned", "deliver"]);

/** The terms of one entry, each once. */
export function termsOfReceived(entry: ReceivedEntry): ReadonlySet<number> {
  const terms = new Terms();
  for (const address of entry.from) terms.addAddress(addressWord(address));
  terms.addAddress(addressWord(entry.reversePath));
  for (const address of entry.recipients) terms.addAddress(addressWord(address));
  if (entry.identity !== null) terms.addAddress(identityWord(entry.identity));
  const { kid, client, messageId, result, reason, action } = entry;
  terms.add(kid, client, messageId, result, reason, action);
  return terms.numbers;
}

export function termsOfSubmitted(entry: SubmittedEntry): ReadonlySet<number> {
  const terms = new Terms();
  terms.addAddress(identityWord(entry.identity));
  for (const address of entry.recipients.map(addressWord)) {
    terms.add(toWord(address), toWord(domainPart(address)));
  }
  terms.add(entry.client, entry.account, ...entry.kids);
  // Its own id is the key of its row.
  terms.add(...entry.copies.filter((copy) => copy !== entry.id));
  return terms.numbers;
}

class Terms {
  readonly numbers = new Set<number>();

  add(...words: readonly (string | null)[]): void {
    for (const word of words) {
      if (word !== null && word !== "" && !USUAL.has(word)) this.numbers.add(termOf(word));
    }
  }

  addAddress(address: string): void {
    this.add(address, domainPart(address));
  }
}

/** The terms that an entry must have to fit, those first that few have. */
export function termsOfFilter(filter: MailLogFilter, direction: LoggedMessage["direction"]): number[] {
  const { messageId = "", kid = "", identity, from, to, client = "", domain } = filter;
  const recipient = wordOf(to, direction === "in" ? wantedWord : (text) => toWord(wantedWord(text)));
  const addresses = [wordOf(identity, wantedWord), wordOf(from, wantedWord), recipient];
  const isOfDomain = (word: string): boolean => /^>?@/.test(word);
  const words = [
    messageId,
    kid,
    ...addresses.filter((word) => !isOfDomain(word)),
    client.toLowerCase(),
    ...addresses.filter(isOfDomain),
    wordOf(domain, domainWord),
    ...[filter.reason, filter.action, filter.result].map((word) => wordOf(word, (text) => text)),
  ];
  return [...new Set(words.filter((word) => word !== "" && !USUAL.has(word)).map(termOf))];
}

function wordOf(wanted: string | undefined, make: (text: string) => string): string {
  return wanted === undefined ? "" : make(wanted);
}

/** Of a recipient of what users hand in. */
function toWord(address: string): string {
  return `>${address}`;
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
export function termOf(word: string): number {
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
