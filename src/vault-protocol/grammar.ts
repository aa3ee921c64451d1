import { isIP } from "node:net";
import { type Address, decodeAddress, decodeBase64, encodeAddress } from "../message/index.ts";
import { isId16 } from "../signature/index.ts";

/** ALPN protocol (PRV-23). */
export const VAULT_ALPN = "vsmtp-vault";
/** Longest line of either side with its CRLF, octets (PRV-4). */
export const MAX_LINE_OCTETS = 16_384;
/** Longest H that SIGN takes, octets (PRV-11). */
export const MAX_H_OCTETS = 65_536;
/** Requests a client may send ahead of their replies (PRV-24). */
export const MAX_PIPELINED = 64;
/** Most recipients that one SPEND or SIGN may name. */
const MAX_COUNT = 1_000_000;

/** Codes of `-ERR` (PRV-15, PRV-29). */
export type ErrorCode = (typeof errorCodes)[number];

export const errorCodes = [
  "AUTH", // the credentials prove nobody
  "DISABLED", // the account is suspended
  "LIMIT", // LIF-14
  "POLICY", // what was asked for is not the ticket's to have
  "SYNTAX",
  "UNSUPP", // no such request, or no such mechanism
  "TICKET", // not, or no longer, a ticket of this enrolment
  "NOKEY", // the key id is none that signs for the address now
  "LOCKED", // the account's key opens by its own password only
  "DENIED", // the enrolment has not this mode or right
  "BUSY",
  "TEMP",
] as const;

export interface AuthRequest {
  readonly verb: "AUTH";
  readonly mechanism: string;
  /** The initial response; null without one. */
  readonly initial: Uint8Array | null;
  /** tls-exporter value of the user's session (PRV-7). */
  readonly channelBinding: Uint8Array | null;
  /** The user's network address, for the audit log (PRV-20). */
  readonly client: string | null;
}

export interface SignRequest {
  readonly verb: "SIGN";
  readonly ticket: string;
  readonly address: Address;
  readonly kid: string;
  readonly recipients: number;
  /** Octets of H behind the line. */
  readonly length: number;
}

export type VaultRequest =
  | { readonly verb: "CAPA" }
  | { readonly verb: "NOOP" }
  | { readonly verb: "QUIT" }
  | AuthRequest
  | { readonly verb: "ASSERT"; readonly address: Address; readonly client: string | null }
  | { readonly verb: "ID" | "GETKEY"; readonly ticket: string; readonly address: Address }
  | { readonly verb: "SPEND"; readonly ticket: string; readonly recipients: number }
  | SignRequest
  | { readonly verb: "DROP"; readonly ticket: string };

export type Verb = VaultRequest["verb"];

/** What is wrong with a request line. */
export interface RequestProblem {
  readonly verb: null;
  readonly code: "SYNTAX" | "UNSUPP";
  readonly text: string;
  /** Octets may follow the line that are no requests: the connection cannot go on. */
  readonly fatal: boolean;
}

const USAGE: Record<Verb, string> = {
  CAPA: "CAPA",
  NOOP: "NOOP",
  QUIT: "QUIT",
  AUTH: "AUTH mechanism [initial|=] [cb=base64] [ip=address]",
  ASSERT: "ASSERT address [ip=address]",
  ID: "ID ticket address",
  GETKEY: "GETKEY ticket address",
  SPEND: "SPEND ticket count",
  SIGN: `SIGN ticket address kid count length, the length at most ${MAX_H_OCTETS}`,
  DROP: "DROP ticket",
};

/** Parses a request line without its CRLF; keywords are case-insensitive (KEY-3). */
export function parseRequest(line: string): VaultRequest | RequestProblem {
  const [keyword = "", ...words] = line.split(" ");
  const verb = keyword.toUpperCase();
  if (!isVerb(verb)) {
    const known = Object.keys(USAGE).join(", ");
    return { verb: null, code: "UNSUPP", text: `expected one of ${known}`, fatal: false };
  }
  const request = /^[ -~]*$/.test(line) ? parseWords(verb, words) : null;
  return request ?? { verb: null, code: "SYNTAX", text: `expected ${USAGE[verb]}`, fatal: verb === "SIGN" };
}

/** The request line without its CRLF; behind SIGN's the octets follow. */
export function formatRequest(request: VaultRequest): string {
  switch (request.verb) {
    case "CAPA":
    case "NOOP":
    case "QUIT":
      return request.verb;
    case "AUTH": {
      const { mechanism, initial, channelBinding, client } = request;
      const words = ["AUTH", mechanism];
      if (initial !== null) words.push(initial.length === 0 ? "=" : toBase64(initial));
      if (channelBinding !== null) words.push(`cb=${toBase64(channelBinding)}`);
      if (client !== null) words.push(`ip=${client}`);
      return words.join(" ");
    }
    case "ASSERT":
      return `ASSERT ${encodeAddress(request.address)}${request.client === null ? "" : ` ip=${request.client}`}`;
    case "ID":
    case "GETKEY":
      return `${request.verb} ${request.ticket} ${encodeAddress(request.address)}`;
    case "SPEND":
      return `SPEND ${request.ticket} ${request.recipients}`;
    case "SIGN": {
      const { ticket, address, kid, recipients, length } = request;
      return `SIGN ${ticket} ${encodeAddress(address)} ${kid} ${recipients} ${length}`;
    }
    case "DROP":
      return `DROP ${request.ticket}`;
  }
}

/** The octets that a line of an exchange carries; null when it is not strict base64. An empty line is no octets. */
export function parseResponse(line: string): Uint8Array | null {
  return line === "" ? Buffer.alloc(0) : decodeBase64(line);
}

export function toBase64(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("base64");
}

/** Decimal, no leading zeros. */
export function parseCount(text: string | undefined, max: number): number | null {
  if (text === undefined || !/^(?:0|[1-9]\d{0,12})$/.test(text)) return null;
  const number = Number(text);
  return number <= max ? number : null;
}

function parseWords(verb: Verb, words: readonly string[]): VaultRequest | null {
  switch (verb) {
    case "CAPA":
    case "NOOP":
    case "QUIT":
      return words.length === 0 ? { verb } : null;
    case "AUTH":
      return parseAuth(words);
    case "ASSERT": {
      const [written = "", ...options] = words;
      const address = decodeAddress(written);
      const read = readOptions(options, ["ip"]);
      return address && read ? { verb, address, client: read.client } : null;
    }
    case "ID":
    case "GETKEY": {
      const [ticket, written] = words;
      const address = decodeAddress(written ?? "");
      return words.length === 2 && ticket !== undefined && isId16(ticket) && address
        ? { verb, ticket, address }
        : null;
    }
    case "SPEND": {
      const [ticket, count] = words;
      const recipients = parseCount(count, MAX_COUNT);
      return words.length === 2 && ticket !== undefined && isId16(ticket) && recipients
        ? { verb, ticket, recipients }
        : null;
    }
    case "SIGN":
      return parseSign(words);
    case "DROP": {
      const [ticket] = words;
      return words.length === 1 && ticket !== undefined && isId16(ticket) ? { verb, ticket } : null;
    }
  }
}

function parseSign(words: readonly string[]): SignRequest | null {
  const [ticket, written, kid, count, size] = words;
  const address = decodeAddress(written ?? "");
  const recipients = parseCount(count, MAX_COUNT);
  const length = parseCount(size, MAX_H_OCTETS);
  if (words.length !== 5 || ticket === undefined || kid === undefined || !isId16(ticket) || !isId16(kid))
    return null;
  return address && recipients && length ? { verb: "SIGN", ticket, address, kid, recipients, length } : null;
}

function parseAuth([written = "", ...rest]: readonly string[]): AuthRequest | null {
  const mechanism = written.toUpperCase();
  // RFC 4422 §3.1
  if (!/^[A-Z0-9_-]{1,20}$/.test(mechanism)) return null;
  // No option is strict base64 ("cb==" has unused bits set), so what comes first tells itself.
  const [first] = rest;
  const initial = first === undefined ? null : first === "=" ? Buffer.alloc(0) : decodeBase64(first);
  const hasInitial = initial !== null && first !== "";
  const read = readOptions(hasInitial ? rest.slice(1) : rest, ["cb", "ip"]);
  if (read === null) return null;
  return { verb: "AUTH", mechanism, initial: hasInitial ? initial : null, ...read };
}

interface Options {
  channelBinding: Uint8Array | null;
  client: string | null;
}

/** `cb=` and `ip=` in this order, each at most once. */
function readOptions(words: readonly string[], allowed: readonly ("cb" | "ip")[]): Options | null {
  const options: Options = { channelBinding: null, client: null };
  let next = 0;
  for (const word of words) {
    const name = word.slice(0, 2) as "cb" | "ip";
    const value = word.slice(3);
    const place = allowed.indexOf(name, next);
    if (place < 0 || word[2] !== "=") return null;
    next = place + 1;
    if (name === "cb") {
      options.channelBinding = value === "" ? null : decodeBase64(value);
      if (options.channelBinding === null) return null;
    } else if (isIP(value) === 0) return null;
    else options.client = value;
  }
  return options;
}

function isVerb(text: string): text is Verb {
  return Object.hasOwn(USAGE, text);
}
