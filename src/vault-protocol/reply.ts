import { type Address, decodeAddress, decodeBase64, encodeAddress } from "../message/index.ts";
import { type Algorithm, isAlgorithm, isId16 } from "../signature/index.ts";
import { type ErrorCode, parseCount, toBase64 } from "./grammar.ts";

/** What an enrolment may use (PRV-25). */
export interface Capabilities {
  /** SASL mechanisms, the strongest first. */
  readonly mechanisms: readonly string[];
  readonly modes: readonly ("SIGN" | "GETKEY")[];
  readonly mayAssert: boolean;
}

/** An active key, as ID tells it. */
export interface NamedKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** The signed statement about it, for stapling; null without one. */
  readonly statement: string | null;
}

/** A key with its private half, as GETKEY gives it. */
export interface LentKey extends Omit<NamedKey, "statement"> {
  /** Seconds from now. */
  readonly expiresIn: number;
  readonly pkcs8: Uint8Array;
}

export interface ErrorReply {
  readonly kind: "error";
  readonly code: ErrorCode;
  readonly text: string;
}

export type VaultReply =
  /** `+OK` to NOOP, QUIT, SPEND, DROP. */
  | { readonly kind: "done" }
  | { readonly kind: "capabilities"; readonly capabilities: Capabilities }
  /** In an AUTH exchange: the mechanism's next octets. */
  | { readonly kind: "challenge"; readonly octets: Uint8Array }
  /** To AUTH and ASSERT (PRV-8). */
  | {
      readonly kind: "ticket";
      readonly ticket: string;
      readonly primary: Address;
      readonly accountId: string;
    }
  /** To ID: whom to sign as (PRV-26), and the keys. */
  | { readonly kind: "identified"; readonly identity: Address; readonly keys: readonly NamedKey[] }
  | { readonly kind: "signature"; readonly octets: Uint8Array }
  | { readonly kind: "keys"; readonly keys: readonly LentKey[] }
  | ErrorReply;

export function errorReply(code: ErrorCode, text: string): ErrorReply {
  return { kind: "error", code, text };
}

/**
 * The text of [LIMIT] (PRV-28).
 *
 * @param freeAt Unix milliseconds; null: so many never fit
 */
export function limitReply(limit: number, freeAt: number | null): ErrorReply {
  const free = freeAt === null ? "" : `; free=${Math.ceil(freeAt / 1000)}`;
  return errorReply("LIMIT", `limit=${limit}${free}`);
}

/** Null for a text that does not say it. */
export function parseLimitText(
  text: string,
): { readonly limit: number; readonly freeAt: number | null } | null {
  const tags = parseTags(text);
  const limit = parseCount(tags?.get("limit"), Number.MAX_SAFE_INTEGER);
  const written = tags?.get("free");
  const free = parseCount(written, 999_999_999_999);
  if (limit === null || (written !== undefined && free === null)) return null;
  return { limit, freeAt: free === null ? null : free * 1000 };
}

/** The whole reply, its last CRLF included. */
export function formatReply(reply: VaultReply): string {
  switch (reply.kind) {
    case "done":
      return "+OK\r\n";
    case "capabilities":
      return block("", capabilityLines(reply.capabilities));
    case "challenge":
      return `+ ${toBase64(reply.octets)}\r\n`;
    case "ticket":
      return `+OK tk=${reply.ticket}; i=${encodeAddress(reply.primary)}; ac=${reply.accountId}\r\n`;
    case "identified":
      return block(` i=${encodeAddress(reply.identity)}`, reply.keys.map(namedKeyLine));
    case "signature":
      return `+OK b=${toBase64(reply.octets)}\r\n`;
    case "keys":
      return block(
        "",
        reply.keys.map((key) => `${keyTags(key)}; exp=${key.expiresIn}; sk=${toBase64(key.pkcs8)}`),
      );
    case "error":
      return `-ERR [${reply.code}] ${printable(reply.text)}\r\n`;
  }
}

const MAX_TEXT = 500;

/**
 * The text of an error may quote what users wrote, such as an address. As octets its characters become others: of U+010D
 * and U+010A, CR and LF, and a line of the user's own would stand among the vault's.
 */
function printable(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/[^ -~]/g, "?");
}

export function parseCapabilities(lines: readonly string[]): Capabilities | null {
  let version = false;
  let mechanisms: readonly string[] = [];
  let modes: Capabilities["modes"] = [];
  let mayAssert = false;
  for (const line of lines) {
    const [name, ...values] = line.toUpperCase().split(" ");
    if (name === "VSMTP-VAULT") version ||= values.includes("1");
    else if (name === "AUTH") mechanisms = values;
    else if (name === "MODES") modes = (["SIGN", "GETKEY"] as const).filter((mode) => values.includes(mode));
    else if (name === "ASSERT") mayAssert = true;
  }
  return version ? { mechanisms, modes, mayAssert } : null;
}

/** The text of `+OK` to AUTH and ASSERT. */
export function parseTicket(text: string): (VaultReply & { kind: "ticket" }) | null {
  const tags = parseTags(text);
  const ticket = tags?.get("tk") ?? "";
  const primary = decodeAddress(tags?.get("i") ?? "");
  const accountId = tags?.get("ac") ?? "";
  if (!isId16(ticket) || primary === null || !/^[!-:<-~]{1,64}$/.test(accountId)) return null;
  return { kind: "ticket", ticket, primary, accountId };
}

/** The text of `+OK` to ID. */
export function parseIdentity(text: string): Address | null {
  return decodeAddress(parseTags(text)?.get("i") ?? "");
}

/** A line of ID. */
export function parseNamedKey(line: string): NamedKey | null {
  const tags = parseTags(line);
  const key = tags && keyOf(tags);
  const written = tags?.get("ks");
  const statement = written === undefined ? null : decodeBase64(written);
  if (!key || (written !== undefined && statement === null)) return null;
  return { ...key, statement: statement?.toString("latin1") ?? null };
}

/** A line of GETKEY. */
export function parseLentKey(line: string): LentKey | null {
  const tags = parseTags(line);
  const key = tags && keyOf(tags);
  const expiresIn = parseCount(tags?.get("exp"), 900); // PRV-18
  const pkcs8 = decodeBase64(tags?.get("sk") ?? "");
  return key && expiresIn !== null && pkcs8 && pkcs8.length > 0 ? { ...key, expiresIn, pkcs8 } : null;
}

/** The text of `+OK` to SIGN. */
export function parseSignature(text: string): Uint8Array | null {
  const octets = decodeBase64(parseTags(text)?.get("b") ?? "");
  return octets && octets.length > 0 ? octets : null;
}

function keyOf(tags: ReadonlyMap<string, string>): Omit<NamedKey, "statement"> | null {
  const kid = tags.get("k") ?? "";
  const algorithm = tags.get("a") ?? "";
  return isId16(kid) && isAlgorithm(algorithm) ? { kid, algorithm } : null;
}

/** `name=value; name=value`; what is not known is for later versions. Null for anything else and for a name twice. */
function parseTags(text: string): ReadonlyMap<string, string> | null {
  const tags = new Map<string, string>();
  for (const part of text.split("; ")) {
    const [, name, value] = /^([a-z][a-z0-9]*)=([!-:<-~]*)$/.exec(part) ?? [];
    if (name === undefined || value === undefined || tags.has(name)) return null;
    tags.set(name, value);
  }
  return tags;
}

function keyTags({ kid, algorithm }: Omit<NamedKey, "statement">): string {
  return `k=${kid}; a=${algorithm}`;
}

function namedKeyLine(key: NamedKey): string {
  const { statement } = key;
  return statement === null
    ? keyTags(key)
    : `${keyTags(key)}; ks=${toBase64(Buffer.from(statement, "latin1"))}`;
}

function capabilityLines({ mechanisms, modes, mayAssert }: Capabilities): string[] {
  return [
    "VSMTP-VAULT 1",
    ["AUTH", ...mechanisms].join(" "),
    ["MODES", ...modes].join(" "),
    ...(mayAssert ? ["ASSERT"] : []),
    "PIPELINING",
  ];
}

function block(text: string, lines: readonly string[]): string {
  return `+OK${text}\r\n${lines.map((line) => `${line}\r\n`).join("")}.\r\n`;
}
