import { decodeUtf8Address, decodeUtf8Xtext, decodeXtext, encodeUtf8Address } from "../xtext.ts";
import type { Notify } from "./handler.ts";

// Values of the parameters that RFC 3461 defines. What is wrong with one is returned as a line for people.

type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string };

const notifyWords: ReadonlyMap<string, Notify> = new Map([
  ["SUCCESS", "success"],
  ["FAILURE", "failure"],
  ["DELAY", "delay"],
]);

/** NOTIFY (RFC 3461 §4.1). */
export function parseNotify(text: string): Parsed<readonly Notify[]> {
  if (text.toUpperCase() === "NEVER") return { ok: true, value: ["never"] };
  const words: Notify[] = [];
  for (const item of text.split(",")) {
    const word = notifyWords.get(item.toUpperCase());
    if (word === undefined || words.includes(word)) {
      return refuse("NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY with commas between");
    }
    words.push(word);
  }
  return { ok: true, value: words };
}

/** ORCPT (RFC 3461 §4.2, RFC 6533 §3): as given, but for UTF-8 that is said to be ASCII. */
export function parseOriginalRecipient(text: string): Parsed<string> {
  if (text.length > 500) return refuse("ORCPT is longer than 500 characters");
  const found = /^([\w!#$%&'*\-/?^`{|}~.]+);(.+)$/u.exec(text);
  if (found === null) return refuse("ORCPT wants an address type, a semicolon and the address: rfc822;xtext");
  const [, type, address] = found as unknown as [string, string, string];
  const decoded = type.toLowerCase() === "utf-8" ? decodeUtf8Address(address) : decodeXtext(address);
  if (decoded !== null) return { ok: true, value: text };
  // Postfix (3.7) says so of an address in UTF-8, and its users could not write to such addresses.
  const utf8 = type.toLowerCase() === "rfc822" ? decodeUtf8Xtext(address) : null;
  return utf8 === null
    ? refuse("The address of ORCPT is not encoded as xtext")
    : { ok: true, value: `utf-8;${encodeUtf8Address(utf8)}` };
}

/** ENVID (RFC 3461 §4.4). */
export function parseEnvelopeId(text: string): Parsed<string> {
  if (text.length > 100) return refuse("ENVID is longer than 100 characters");
  return decodeXtext(text) === null
    ? refuse("ENVID wants printable ASCII as xtext")
    : { ok: true, value: text };
}

/** RET (RFC 3461 §4.3). */
export function parseReturned(text: string): Parsed<"full" | "headers"> {
  switch (text.toUpperCase()) {
    case "FULL":
      return { ok: true, value: "full" };
    case "HDRS":
      return { ok: true, value: "headers" };
    default:
      return refuse("RET is FULL or HDRS");
  }
}

function refuse(detail: string): { ok: false; detail: string } {
  return { ok: false, detail };
}
