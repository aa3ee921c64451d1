import { isIPv4, isIPv6 } from "node:net";

/** A mailbox of the envelope (RFC 5321 §4.1.2), as the client wrote it but for route and angle brackets. */
export interface Mailbox {
  /** `local@domain` as written, quotes included: what RCPT, Received and `parseAddress` of `message` take. */
  readonly text: string;
  /** Without quotes and backslashes. */
  readonly localPart: string;
  /** As written; an address literal keeps its brackets; empty only for `<Postmaster>`. */
  readonly domain: string;
  /** Whether it needs SMTPUTF8 (RFC 6531). */
  readonly ascii: boolean;
}

export type PathResult =
  /** `mailbox` is null for `<>`; `end` is the index behind `>`. */
  | { readonly ok: true; readonly mailbox: Mailbox | null; readonly end: number }
  | { readonly ok: false; readonly detail: string };

/** RFC 5321 §4.5.3.1.3: a path holds at most 256 octets with its punctuation. */
const maxPathOctets = 256;

// U+0080–U+009F are control characters: no address needs them, and they would reach logs and terminals.
const dotString =
  /[\w!#$%&'*+\-/=?^`{|}~\u00a0-\u{10ffff}]+(?:\.[\w!#$%&'*+\-/=?^`{|}~\u00a0-\u{10ffff}]+)*/uy;
const quotedString = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a0-\u{10ffff}]|\\[\x20-\x7e])*)"/uy;
const domainText = /[A-Za-z0-9.\-\u00a0-\u{10ffff}]+|\[[\x21-\x5a\x5e-\x7e]*\]/uy;
const domainCharacters = /^[A-Za-z0-9.\-\u00a0-\u{10ffff}]+$/u;
const sourceRoute = /@[A-Za-z0-9.\-[\]:]+(?:,@[A-Za-z0-9.\-[\]:]+)*:/y;

/**
 * Parses `<` [source route] mailbox `>` at `start` of a command line. Source routes are accepted and dropped
 * (RFC 5321 §3.6.1, Appendix C). Non-ASCII is parsed; whether the transaction allows it is the caller's to say.
 */
export function parsePath(line: string, start: number): PathResult {
  if (line[start] !== "<") return refuse("an address stands in angle brackets: <local@domain>");
  if (line[start + 1] === ">") return { ok: true, mailbox: null, end: start + 2 };
  let at = start + 1;
  if (line[at] === "@") {
    const route = match(sourceRoute, line, at);
    if (route === null) return refuse("the source route before the address is malformed");
    at += route.length;
  }
  const parsed = mailboxAt(line, at);
  if (!parsed.ok) return parsed;
  if (line[parsed.end] !== ">") return refuse("the address is malformed or its closing bracket is missing");
  const end = parsed.end + 1;
  if (octets(line.slice(at - 1, end)) > maxPathOctets) return refuse(`longer than ${maxPathOctets} octets`);
  return { ok: true, mailbox: parsed.mailbox, end };
}

/** Parses a mailbox that stands alone, without angle brackets; null when it is none (RFC 5321 §4.1.2). */
export function parseMailbox(text: string): Mailbox | null {
  const parsed = mailboxAt(text, 0);
  return parsed.ok && parsed.end === text.length && octets(text) <= maxPathOctets - 2 ? parsed.mailbox : null;
}

type MailboxAt =
  | { readonly ok: true; readonly mailbox: Mailbox; readonly end: number }
  | { readonly ok: false; readonly detail: string };

function mailboxAt(line: string, start: number): MailboxAt {
  const local = localPartAt(line, start);
  if (local === null) return refuse("the local part is malformed");
  let at = start + local.length;
  let domain = "";
  if (line[at] === "@") {
    const found = match(domainText, line, at + 1);
    if (found === null || !isDomainOrLiteral(found)) return refuse("the domain is malformed");
    domain = found;
    at += 1 + domain.length;
  } else if (local.value.toLowerCase() !== "postmaster") {
    // RFC 5321 §4.5.1: <Postmaster> alone needs no domain.
    return refuse("the address has no domain");
  }
  const text = line.slice(start, at);
  const ascii = !/[^\0-\x7f]/.test(text);
  return { ok: true, mailbox: { text, localPart: local.value, domain, ascii }, end: at };
}

function localPartAt(line: string, at: number): { value: string; length: number } | null {
  if (line[at] !== '"') {
    const found = match(dotString, line, at);
    return found === null ? null : { value: found, length: found.length };
  }
  const found = match(quotedString, line, at);
  return found === null
    ? null
    : { value: found.slice(1, -1).replaceAll(/\\(.)/g, "$1"), length: found.length };
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** A domain (RFC 5321 §4.1.2 with the U-labels of RFC 6531) or an address literal (§4.1.3). */
export function isDomainOrLiteral(text: string): boolean {
  if (text.startsWith("[")) {
    const inner = text.slice(1, -1);
    return /^ipv6:/i.test(inner) ? isIPv6(inner.slice(5)) && !inner.includes("%") : isIPv4(inner);
  }
  return domainCharacters.test(text) && octets(text) <= 255 && text.split(".").every(isLabel);
}

function isLabel(label: string): boolean {
  return label.length > 0 && label.length <= 63 && !label.startsWith("-") && !label.endsWith("-");
}

function octets(text: string): number {
  return Buffer.byteLength(text);
}

function refuse(detail: string): { ok: false; detail: string } {
  return { ok: false, detail };
}
