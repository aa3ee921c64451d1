// What DKIM signatures and ARC sets have in common: which fields they cover, and how a field is signed.
import { sign as cryptoSign, hash } from "node:crypto";
import type { Header, HeaderField } from "../message/index.ts";
import { canonicalFields, indexFields } from "./canonical-header.ts";
import type { DkimKey } from "./dkim-key.ts";

/** What everybody looks at: one more of these, added on the way, breaks the signature. */
const ALWAYS_OVERSIGNED = ["from", "reply-to", "to", "cc", "subject", "date", "message-id"];
/** The same where they are present, as all Content-* fields; where they are not, mailing lists add some of them. */
const OVERSIGNED_IF_PRESENT = ["sender", "in-reply-to", "references", "mime-version"];
/** Bounds the field, whatever the header holds. */
const MAX_FIELDS = 100;

/**
 * `h`, and what it stands for: of fields of one name the lowest comes first (RFC 6376 §5.4.2).
 *
 * @param more names of fields that are covered as often as there are any
 */
export function selectFields(
  header: Header,
  more: readonly string[] = [],
): { names: string[]; fields: HeaderField[] } {
  const index = indexFields(header);
  const names: string[] = [];
  const fields: HeaderField[] = [];
  const add = (name: string, isOversigned: boolean): void => {
    const same = index.get(name) ?? [];
    const signed = same.toReversed().slice(0, MAX_FIELDS - fields.length);
    for (const field of signed) {
      names.push(name);
      fields.push(field);
    }
    if (isOversigned && signed.length === same.length) names.push(name);
  };
  for (const name of ALWAYS_OVERSIGNED) add(name, true);
  for (const name of OVERSIGNED_IF_PRESENT) if (index.has(name)) add(name, true);
  for (const name of index.keys()) {
    // Postfix and Sendmail remove Content-Length: it means nothing to others.
    if (/^content-[a-z0-9-]+$/.test(name) && name !== "content-length") add(name, true);
  }
  for (const name of index.keys()) if (/^list-[a-z0-9-]+$/.test(name)) add(name, false);
  // No more than there are: forwarders add signatures of their own (SIG-58).
  for (const name of ["vsmtp-signature", "vsmtp-key-statement", ...more]) add(name, false);
  return { names, fields };
}

/**
 * A whole field with its CRLF, that ends in its signature over other fields and itself.
 *
 * @param upToSignature including `b=`
 */
export function signedField(
  key: DkimKey,
  header: Header,
  fields: readonly HeaderField[],
  upToSignature: string,
): Buffer {
  const input = canonicalFields(header, fields, canonicalLine(upToSignature));
  const signature =
    signInput(key, input)
      .toString("base64")
      .match(/.{1,68}/g) ?? [];
  return Buffer.from(`${upToSignature}${signature.join("\r\n  ")}\r\n`, "latin1");
}

/** The field itself as it is signed: in canonical form, where a fold is one space, without CRLF (RFC 6376 §3.7). */
function canonicalLine(upToSignature: string): Buffer {
  const colon = upToSignature.indexOf(":");
  const value = upToSignature
    .slice(colon + 1)
    .trimStart()
    .replace(/[\r\n ]+/g, " ");
  return Buffer.from(`${upToSignature.slice(0, colon).toLowerCase()}:${value}`, "latin1");
}

/** RFC 8463 §3: Ed25519 signs the SHA-256 of what RSA signs. */
function signInput({ algorithm, privateKey }: DkimKey, input: Uint8Array): Buffer {
  return algorithm === "rsa-sha256"
    ? cryptoSign("sha256", input, privateKey)
    : cryptoSign(null, hash("sha256", input, "buffer"), privateKey);
}
