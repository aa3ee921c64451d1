import { decodeUtf8Address, decodeXtext, encodeUtf8Address } from "../../smtp/index.ts";
import { printable } from "./lines.ts";

// Addresses in a report's fields, with their type: RFC 3464 §2.3.1 and §2.3.2, RFC 6533 §3.

/** @param utf8 the report may hold UTF-8 as it is */
export function addressField(address: string, utf8: boolean): string {
  if (!/[^\0-\x7f]/.test(address)) return `rfc822; ${printable(address, false)}`;
  return `utf-8; ${utf8 ? printable(address, true) : encodeUtf8Address(address)}`;
}

/**
 * ORCPT as a field: xtext is decoded (RFC 3461 §6.3); what is not ASCII stays encoded where the report holds ASCII
 * only. Null for what cannot be read.
 */
export function originalRecipient(orcpt: string, utf8: boolean): string | null {
  const [, type = "", text = ""] = /^([^;]+);(.*)$/su.exec(orcpt) ?? [];
  const address = type.toLowerCase() === "utf-8" ? decodeUtf8Address(text) : decodeXtext(text);
  if (address === null) return null;
  return type.toLowerCase() === "utf-8" ? addressField(address, utf8) : `${type}; ${address}`;
}
