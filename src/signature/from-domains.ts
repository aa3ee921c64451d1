import {
  canonicalDomain,
  canonicalize,
  decodeEncodedWords,
  fieldText,
  type Header,
  parseMailboxes,
  type RawAddress,
} from "../message/index.ts";
import type { FieldIndex } from "./canonical-header.ts";

/** Where From names more of them than this, it does not matter which (POL-20). */
export const MAX_FROM_DOMAINS = 8;

/**
 * The domains that From names, for policy (POL-13); also of messages that break rules. Where From cannot be read, or
 * names nobody, it is read as leniently as any mail client may read it: who writes nonsense around an address must not
 * get past its domain's policy (POL-22).
 *
 * @returns all of them, or the first nine
 */
export function fromDomains(header: Header, index: FieldIndex): string[] {
  const domains = new Set<string>();
  // Without From clients show the Sender.
  for (const field of index.get("from") ?? index.get("sender") ?? []) {
    for (const domain of domainsIn(fieldText(header, field))) {
      if (domain !== null) domains.add(domain);
      if (domains.size > MAX_FROM_DOMAINS) return [...domains];
    }
  }
  return [...domains];
}

function* domainsIn(text: string): Generator<string | null> {
  const parsed = parseMailboxes(text);
  const mailboxes = parsed.ok ? parsed.mailboxes : [];
  for (const { address } of mailboxes) yield domainOf(address);
  // RFC 2047 §5: no address holds an encoded word, but some clients decode it there, and show another one.
  const isClear = mailboxes.length > 0 && !mailboxes.some(({ address }) => address.localPart.includes("=?"));
  if (!isClear) yield* leniently(text);
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
function* leniently(text: string): Generator<string | null> {
  const seen = new Set<string>();
  for (const some of [text, decodeEncodedWords(text)]) {
    let plain = some;
    for (let depth = 0; depth < COMMENTS_DEEP; depth++) plain = plain.replace(COMMENT, "");
    plain = plain.replace(/[\s"\\]+/g, " ").replace(/ ?([.@]) ?/g, "$1");
    for (const [, domain = ""] of plain.matchAll(/@([A-Za-z0-9._\u0080-\u{10ffff}-]+)/gu)) {
      if (seen.has(domain)) continue;
      seen.add(domain);
      yield nearestDomain(domain);
    }
  }
}
