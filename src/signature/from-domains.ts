import {
  canonicalDomain,
  canonicalize,
  fieldText,
  type Header,
  parseMailboxes,
  type RawAddress,
} from "../message/index.ts";
import type { FieldIndex } from "./canonical-header.ts";

/**
 * The domains that From names, for policy (POL-13); also of messages that break rules. Where From cannot be read, or
 * names nobody, it is read as leniently as any mail client may read it: who writes nonsense around an address must not
 * get past its domain's policy (POL-22).
 */
export function fromDomains(header: Header, index: FieldIndex): string[] {
  const domains = new Set<string>();
  for (const field of index.get("from") ?? []) {
    const text = fieldText(header, field);
    const parsed = parseMailboxes(text);
    const named = parsed.ok ? parsed.mailboxes.map(({ address }) => domainOf(address)) : [];
    for (const domain of named.length > 0 ? named : leniently(text)) if (domain !== null) domains.add(domain);
  }
  return [...domains];
}

/** Of an address that cannot be an identity, too: its local part says nothing about the domain's policy. */
function domainOf(address: RawAddress): string | null {
  const canonical = canonicalize(address);
  if (canonical.ok) return canonical.address.domain;
  return address.literal ? null : nearestDomain(address.domain);
}

/** The domain, or where it is no eligible one the nearest above it. */
function nearestDomain(text: string): string | null {
  // No domain has more than 127 labels.
  const labels = text.split(".", 128).filter((label) => label !== "");
  for (; labels.length > 0; labels.shift()) {
    const domain = canonicalDomain(labels.join("."));
    if (domain !== null) return domain;
  }
  return null;
}

/** RFC 5322 §3.2.2; those within others go first, and more than three deep nobody reads. */
const COMMENT = /\([^()]*\)/g;
const COMMENTS_DEEP = 3;

/** What stands behind each "@", encoded words (RFC 2047) decoded too. */
function leniently(text: string): (string | null)[] {
  return [text, decodeWords(text)].flatMap((some) => {
    let plain = some;
    for (let depth = 0; depth < COMMENTS_DEEP; depth++) plain = plain.replace(COMMENT, "");
    plain = plain.replace(/[\s"\\]+/g, " ").replace(/ ?([.@]) ?/g, "$1");
    const found = plain.matchAll(/@([A-Za-z0-9._\u0080-\u{10ffff}-]+)/gu);
    return [...found].map(([, domain = ""]) => nearestDomain(domain));
  });
}

function decodeWords(text: string): string {
  return text
    .replace(/\?=[ \t]+=\?/g, "?==?")
    .replace(/=\?([\w*-]+)\?([BbQq])\?([^?\s]*)\?=/g, (_, charset: string, encoding: string, word: string) =>
      decodeOctets(charset, encoding.toUpperCase() === "B" ? Buffer.from(word, "base64") : fromQ(word)),
    );
}

function fromQ(word: string): Buffer {
  const octets = word
    .replace(/_/g, " ")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1");
}

function decodeOctets(charset: string, octets: Buffer): string {
  try {
    return new TextDecoder(charset.replace(/\*.*/, "")).decode(octets);
  } catch {
    return octets.toString("latin1"); // a character set that nobody knows
  }
}
