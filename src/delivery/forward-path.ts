import { canonicalDomain } from "../message/index.ts";

/**
 * An address of the queue as it goes into MAIL and RCPT: a domain in U-labels becomes A-labels where the rest is ASCII,
 * so that servers without SMTPUTF8 can take it (RFC 6531 §3.7.1). The local part stays as it is (RFC 5321 §2.3.11).
 */
export function forwardPath(address: string): string {
  const at = address.lastIndexOf("@");
  const localPart = address.slice(0, at);
  const domain = address.slice(at + 1);
  const isAscii = (text: string) => !/[^\0-\x7f]/.test(text);
  if (at === -1 || isAscii(domain) || !isAscii(localPart)) return address;
  return `${localPart}@${canonicalDomain(domain) ?? domain}`;
}
