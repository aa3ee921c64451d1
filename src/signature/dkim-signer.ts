import type { Header } from "../message/index.ts";
import { type ArcOrder, arcSet } from "./arc-set.ts";
import { selectFields, signedField } from "./dkim-field.ts";
import { checkDkimName, type DkimKey, type DkimName } from "./dkim-key.ts";
import { foldList, foldTags } from "./format-field.ts";

export interface DkimOptions extends DkimName {
  readonly key: DkimKey;
  /** Seconds until the signature expires (`x`); without, it does not. */
  readonly lifetimeS?: number;
}

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
    return signedField(key, header, fields, upToSignature);
  }

  /**
   * Makes an ARC set (RFC 8617), which vouches for what was found out about a message before it is passed on.
   *
   * @param header as the message is passed on, but for signatures that copies get
   * @returns its three fields, to be put before the message; null where the chain cannot be gone on with
   */
  seal(header: Header, bodyHashBase64: string, order: ArcOrder): Buffer | null {
    return arcSet(this.#options, header, bodyHashBase64, order);
  }

  get algorithm(): DkimKey["algorithm"] {
    return this.#options.key.algorithm;
  }
}
