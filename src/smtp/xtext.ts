// The encodings of RFC 3461 and RFC 6533 for what parameters of MAIL and RCPT, and reports, carry of senders' words.
import { isUtf8 } from "node:buffer";

const xtext = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})+$/;

export function isXtext(text: string): boolean {
  return xtext.test(text);
}

/** Any text as xtext (RFC 3461 §4), its UTF-8 as if it were ASCII. */
export function encodeXtext(text: string): string {
  const octets = Buffer.from(text).toString("latin1");
  return octets.replaceAll(
    /[^!-*,-<>-~]/g,
    (octet) => `+${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** The text that xtext stands for (RFC 3461 §4): printable ASCII; null when it is none, or stands for something else. */
export function decodeXtext(encoded: string): string | null {
  if (!xtext.test(encoded)) return null;
  const text = encoded.replaceAll(/\+(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /^[\x20-\x7e]*$/.test(text) ? text : null;
}

/** The text whose UTF-8 was put into xtext as if it were ASCII; null when it is none, or holds control characters. */
export function decodeUtf8Xtext(encoded: string): string | null {
  if (!xtext.test(encoded)) return null;
  const octets = encoded.replaceAll(/\+(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const text = Buffer.from(octets, "latin1");
  return isUtf8(text) && !hasControls(text.toString()) ? text.toString() : null;
}

/** Characters behind `utf-8;` (RFC 6533 §3): all of xtext but `\` and `+`, UTF-8, and the rest as `\x{10FFFF}`. */
const utf8Address = /^(?:[!-*,-<>-[\]-~\u00a0-\u{10ffff}]|\\x\{(?:0?[0-9A-F]{2,5}|10[0-9A-F]{4})\})+$/u;

/** The address behind `utf-8;` of ORCPT or a report; null when it is none, or holds control characters. */
export function decodeUtf8Address(encoded: string): string | null {
  if (!utf8Address.test(encoded)) return null;
  const text = encoded.replaceAll(/\\x\{([0-9A-F]+)\}/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  return text.isWellFormed() && !hasControls(text) ? text : null;
}

function hasControls(text: string): boolean {
  return /[\0-\x1f\x7f-\x9f]/.test(text);
}

/** The same for a server that takes ASCII only (RFC 6533 §3). */
export function asciiUtf8Address(encoded: string): string {
  return encoded.replaceAll(/[^\0-\x7f]/gu, escaped);
}

/** An address as it goes behind `utf-8;`, in ASCII. */
export function encodeUtf8Address(address: string): string {
  return address.replaceAll(/[^!-*,-<>-[\]-~]/gu, escaped);
}

function escaped(character: string): string {
  const hex = (character.codePointAt(0) as number).toString(16).toUpperCase();
  return `\\x{${hex.padStart(2, "0")}}`;
}
