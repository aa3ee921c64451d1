import { canonicalDomain } from "./canonical-domain.ts";
import { parseAddrSpec, type RawAddress } from "./mailbox-parser.ts";

/** A mail address in canonical form (ADR-1): unencoded local part, A-label domain in lower case. */
export interface Address {
  readonly localPart: string;
  readonly domain: string;
}

/**
 * `syntax`: not an address at all. `ineligible`: an address, but one that cannot be a VSMTP identity
 * (address literal, empty or over-long local part, control characters, bad domain: ADR-8 to ADR-12).
 */
export type AddressResult =
  | { readonly ok: true; readonly address: Address }
  | { readonly ok: false; readonly problem: "syntax" | "ineligible"; readonly detail: string };

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses one address (RFC 5322 addr-spec, RFC 6531 UTF-8; comments and a quoted local part are allowed, a
 * display name is not) and brings it into canonical form.
 */
export function parseAddress(text: string): AddressResult {
  const parsed = parseAddrSpec(text);
  if (!parsed.ok) return { ok: false, problem: "syntax", detail: parsed.detail };
  return canonicalize(parsed.address);
}

/** Canonical form of an address that was parsed out of its syntax (ADR-1, ADR-3). */
export function canonicalize(raw: RawAddress): AddressResult {
  if (raw.literal) return ineligible("an address literal names a host, not a domain");
  const ascii = isAscii(raw.localPart);
  const normalized = ascii ? raw.localPart : raw.localPart.normalize("NFC");
  const localPart = ascii
    ? normalized.toLowerCase()
    : normalized.replace(/[A-Z]+/g, (some) => some.toLowerCase());
  if (localPart === "") return ineligible("the local part is empty");
  if (holdsControl(localPart)) return ineligible("the local part holds a control character");
  // ADR-9
  if (localPart.length > 64 || (!ascii && utf8.encode(localPart).length > 64)) {
    return ineligible("the local part is longer than 64 octets");
  }
  const domain = canonicalDomain(raw.domain);
  if (domain === null) return ineligible(`"${raw.domain}" is not a mail domain`);
  return { ok: true, address: { localPart, domain } };
}

/** `local@domain`, canonical and unencoded: the form that is compared and hashed; null when not eligible. */
export function canonicalAddress(text: string): string | null {
  const parsed = parseAddress(text);
  return parsed.ok ? addressText(parsed.address) : null;
}

/** The canonical unencoded form of an address that all comparisons and hashes use (ADR-4). */
export function addressText(address: Address): string {
  return `${address.localPart}@${address.domain}`;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.localPart === b.localPart && a.domain === b.domain;
}

/** The `address` production (ADR-2), as it stands in `i=` and KEY: local part percent-encoded. */
export function encodeAddress(address: Address): string {
  const local = address.localPart;
  if (/^[A-Za-z0-9._~-]+$/.test(local)) return `${local}@${address.domain}`;
  let encoded = "";
  for (const octet of utf8.encode(local)) {
    const char = String.fromCharCode(octet);
    encoded += /[A-Za-z0-9._~-]/.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return `${encoded}@${address.domain}`;
}

/** Strict inverse of {@link encodeAddress}: null for anything not exactly in canonical form (SIG-30). */
export function decodeAddress(text: string): Address | null {
  const at = text.lastIndexOf("@");
  if (at < 0) return null;
  let localPart = text.slice(0, at);
  if (localPart.includes("%")) {
    const octets = localPart.replace(/%(..)/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    try {
      localPart = utf8Strict.decode(Buffer.from(octets, "latin1"));
    } catch {
      return null;
    }
  }
  const result = canonicalize({ localPart, domain: text.slice(at + 1), literal: false });
  // Whatever is not in canonical form comes out otherwise than it went in.
  return result.ok && encodeAddress(result.address) === text ? result.address : null;
}

/** The address as RFC 5321 and RFC 5322 write it: the local part is quoted where it must be. */
export function formatAddress(address: Address): string {
  const local = address.localPart;
  if (/^[^\s()<>[\]:;@\\,."\p{Cc}]+(?:\.[^\s()<>[\]:;@\\,."\p{Cc}]+)*$/u.test(local))
    return addressText(address);
  return `"${local.replace(/["\\]/g, "\\$&")}"@${address.domain}`;
}

function ineligible(detail: string): AddressResult {
  return { ok: false, problem: "ineligible", detail };
}

/** Unicode's Cc. */
function holdsControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || (code > 126 && code < 160)) return true;
  }
  return false;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
