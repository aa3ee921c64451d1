import { type Address, decodeAddress } from "../message/index.ts";
import { isId16 } from "../signature/index.ts";

/** Port of the public interface (DIS-2). */
export const KEY_PORT = 8757;
/** ALPN protocol (KEY-13). */
export const ALPN = "vsmtp-key";
/** Longest request with its CRLF, octets (KEY-1, KEY-2). */
export const MAX_REQUEST_OCTETS = 1024;
/** Longest line of a reply with its CRLF, octets (KEY-1, KEY-2). */
export const MAX_REPLY_OCTETS = 4096;
/** Requests a client may send ahead of their replies (KEY-15). */
export const MAX_PIPELINED = 16;
/** Statements in one reply (KEY-38). */
export const MAX_STATEMENTS = 2;

/** How the bare form `KEY addr` is answered (KEY-33 to KEY-35). */
export type Exposure = "open" | "decoy" | "kid";

/** Codes of `-ERR` (KEY-30). */
export type ErrorCode =
  | "SYNTAX"
  | "UNSUPP"
  | "NOTHERE"
  | "NOKEY"
  | "KIDREQ"
  | "TLSREQ"
  | "RATE"
  | "BUSY"
  | "LIMIT"
  | "TEMP";

export function isPermanent(code: string): boolean {
  return code === "SYNTAX" || code === "UNSUPP" || code === "NOKEY" || code === "KIDREQ";
}

/** The argument of KEY: `address [SP id16]` (KEY-5). */
export interface KeyRequest {
  readonly address: Address;
  /** Null in the bare form. */
  readonly kid: string | null;
}

/** Parses what follows `KEY SP`. */
export function parseKeyRequest(text: string): KeyRequest | null {
  const space = text.indexOf(" ");
  const address = decodeAddress(space < 0 ? text : text.slice(0, space));
  const kid = space < 0 ? null : text.slice(space + 1);
  return address === null || (kid !== null && !isId16(kid)) ? null : { address, kid };
}

/** A single-line reply of the server: its greeting, or what answers a request (KEY-5). */
export type ReplyLine =
  | { readonly kind: "ok"; readonly text: string }
  | { readonly kind: "redirect"; readonly host: string; readonly port: number }
  | { readonly kind: "error"; readonly code: string }
  /** Not of the grammar. */
  | { readonly kind: "other" };

/**
 * Parses a greeting or a reply's first line, without its CRLF. The host of a redirect is taken as it stands;
 * whether one may go there is for the caller to decide (KEY-23).
 */
export function parseReplyLine(line: string): ReplyLine {
  if (!/^[ -~]*$/.test(line)) return { kind: "other" };
  const ok = /^\+OK(?: (.*))?$/i.exec(line);
  if (ok !== null) return { kind: "ok", text: ok[1] ?? "" };
  const redirect = /^-FW ([^ ]+):([1-9]\d{0,4})$/i.exec(line);
  if (redirect?.[1] !== undefined && Number(redirect[2]) <= 0xffff) {
    return { kind: "redirect", host: redirect[1].toLowerCase(), port: Number(redirect[2]) };
  }
  const error = /^-ERR \[([A-Z][A-Z0-9]*)\](?: .*)?$/i.exec(line);
  if (error?.[1] !== undefined) return { kind: "error", code: error[1].toUpperCase() };
  return { kind: "other" };
}

/** The number of statement lines that `+OK` to KEY announces (KEY-9), or null. */
export function parseStatementCount(text: string): number | null {
  const match = /^(\d{1,3})(?: |$)/.exec(text);
  return match === null ? null : Number(match[1]);
}
