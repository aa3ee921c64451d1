import { domainToASCII, domainToUnicode } from "node:url";

const LDH_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const LDH_DOMAIN = new RegExp(`^${LDH_LABEL}(?:\\.${LDH_LABEL})*$`);

/**
 * The canonical form of a mail domain: lower case, every label an LDH label or an A-label of at most 63
 * octets, at most 253 octets in all (ADR-6, ADR-7, ADR-10, ADR-11; UTS #46 non-transitional).
 *
 * @returns the domain, or null when it is not eligible (underscore, address literal, empty label, bad A-label…)
 */
export function canonicalDomain(text: string): string | null {
  const ascii = toAscii(text);
  if (ascii === null || ascii.length > 253 || !LDH_DOMAIN.test(ascii)) return null;
  if (!ascii.includes("xn--")) return ascii;
  const isGood = (label: string): boolean => !label.startsWith("xn--") || isALabel(label);
  return ascii.split(".").every(isGood) ? ascii : null;
}

function toAscii(text: string): string | null {
  if (/^[A-Za-z0-9.-]+$/.test(text)) return text.toLowerCase();
  // The URL host parser would decode "%41" and stop at "/": only its mapping of letters is wanted here.
  if (!/^[A-Za-z0-9.\u0080-\u{10ffff}-]+$/u.test(text) || !text.isWellFormed()) return null;
  // It would also read a host whose last label is a number as an IPv4 address; a letter label prevents that.
  const mapped = domainToASCII(`${text}.x`);
  return mapped.endsWith(".x") ? mapped.slice(0, -2) : null;
}

/** An A-label decodes to a U-label and comes back the same (RFC 5890 §2.3.2.1). */
function isALabel(label: string): boolean {
  const unicode = domainToUnicode(label);
  return unicode !== label && unicode !== "" && domainToASCII(unicode) === label;
}
