import { sign as cryptoSign, hash } from "node:crypto";
import type { Header, HeaderField } from "../message/index.ts";
import { canonicalFields, indexFields } from "./canonical-header.ts";
import { checkDkimName, type DkimKey, type DkimName } from "./dkim-key.ts";
import { foldList, foldTags } from "./format-field.ts";

export interface DkimOptions extends DkimName {
  readonly key: DkimKey;
  /** Seconds until the signature expires (`x`); without, it does not. */
  readonly lifetimeS?: number;
}

/** What everybody looks at: one more of these, added on the way, breaks the signature. */
const ALWAYS_OVERSIGNED = ["from", "reply-to", "to", "cc", "subject", "date", "message-id"];
/** The same where they are present, as all Content-* fields; where they are not, mailing lists add some of them. */
const OVERSIGNED_IF_PRESENT = ["sender", "in-reply-to", "references", "mime-version"];
/** Bounds the field, whatever the header holds. */
const MAX_FIELDS = 100;

/** Signs copies with a domain's key for DKIM (RFC 6376), after they got their VSMTP signatures (SIG-58). */
export class DkimSigner {
  readonly #options: DkimOptions;

  /** @throws RangeError when the domain or selector is no name, or the lifetime no positive number */
  constructor(options: DkimOptions) {
    checkDkimName(options);
    const { lifetimeS } = options;
    if (lifetimeS !== undefined && !(Number.isSafeInteger(lifetimeS) && lifetimeS > 0)) {
      throw new RangeError(`a signature cannot hold for ${lifetimeS} seconds`);
    }
    this.#options = options;
  }

  /**
   * Makes the field.
   *
   * @param header the copy's, with its VSMTP-Signature fields
   * @param bodyHashBase64 `bh` of VSMTP, which is the same: that of the relaxed body (MSG-11)
   * @param signedAt Unix seconds
   * @returns the whole field with its CRLF, to be put before the copy
   */
  sign(header: Header, bodyHashBase64: string, signedAt: number): Buffer {
    const { domain, selector, key, lifetimeS } = this.#options;
    const { names, fields } = selectFields(header);
    const tags = [`a=${key.algorithm}`, "c=relaxed/relaxed", `d=${domain}`, `s=${selector}`, `t=${signedAt}`];
    if (lifetimeS !== undefined) tags.push(`x=${signedAt + lifetimeS}`);
    const upToNames = foldTags("DKIM-Signature: v=1;", tags);
    const upToSignature = `${upToNames}${foldList("h", names).text}\r\n bh=${bodyHashBase64};\r\n b=`;
    const input = canonicalFields(header, fields, canonicalLine(upToSignature));
    const signature =
      signInput(key, input)
        .toString("base64")
        .match(/.{1,68}/g) ?? [];
    return Buffer.from(`${upToSignature}${signature.join("\r\n  ")}\r\n`, "latin1");
  }
}

/** `h`, and what it stands for: of fields of one name the lowest comes first (RFC 6376 §5.4.2). */
function selectFields(header: Header): { names: string[]; fields: HeaderField[] } {
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
  for (const name of index.keys()) if (/^content-[a-z0-9-]+$/.test(name)) add(name, true);
  for (const name of index.keys()) if (/^list-[a-z0-9-]+$/.test(name)) add(name, false);
  // No more than there are: forwarders add signatures of their own (SIG-58).
  for (const name of ["vsmtp-signature", "vsmtp-key-statement"]) add(name, false);
  return { names, fields };
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
