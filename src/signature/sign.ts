import {
  type DraftOptions,
  freshSalt,
  MessageSigner,
  type PreparedMessage,
  type Refusal,
  type SigningKey,
  signInput,
} from "./signer.ts";

export interface SignOptions extends Omit<DraftOptions, "kid" | "algorithm"> {
  /** One Ed25519 key, or an Ed25519 and an RSA key of the same account (SIG-35). */
  readonly keys: readonly SigningKey[];
}

export type SignResult =
  | {
      readonly ok: true;
      /** The signature fields with their CRLFs, first to last. */
      readonly fields: Buffer;
      /** Octet ranges of the message to leave out: signature fields of a new submission (SIG-52). */
      readonly removed: readonly { readonly start: number; readonly end: number }[];
    }
  | Refusal;

/**
 * Makes the signature fields of a message that a {@link MessageSigner} has read.
 *
 * @throws RangeError when the options are outside the limits of the field (SIG-13, RCP-6…)
 */
export function signPrepared(message: PreparedMessage, options: SignOptions): SignResult {
  const level = options.level ?? 0;
  const refusal = message.check(options.identity, level);
  if (refusal) return refusal;
  if (!options.keys.some((key) => key.algorithm === "ed25519-sha256")) {
    throw new RangeError("an Ed25519 key is needed; RSA can only stand beside one (SIG-35)");
  }
  if (options.keys.length > 2) throw new RangeError("at most two signatures stand at one level (SIG-56)");
  const salt = options.salt ?? freshSalt();
  const fields = options.keys.map((key) => {
    const draft = message.draft({ ...options, salt, kid: key.kid, algorithm: key.algorithm });
    return draft.complete(signInput(key, draft.input));
  });
  return { ok: true, fields: Buffer.concat(fields), removed: level === 0 ? message.signatureFields : [] };
}

/** What signing a whole message made. */
export class SignedMessage {
  readonly ok = true;
  /** As in {@link SignResult}. */
  readonly fields: Buffer;
  readonly removed: readonly { readonly start: number; readonly end: number }[];
  readonly #original: Uint8Array;
  #message: Buffer | null = null;

  constructor(original: Uint8Array, { fields, removed }: SignResult & { ok: true }) {
    this.fields = fields;
    this.removed = removed;
    this.#original = original;
  }

  /** The signed message, copied together when it is first asked for: whoever passes a large one on can do without. */
  get message(): Buffer {
    this.#message ??= this.#assemble();
    return this.#message;
  }

  #assemble(): Buffer {
    const parts: Uint8Array[] = [this.fields];
    let from = 0;
    for (const { start, end } of this.removed) {
      parts.push(this.#original.subarray(from, start));
      from = end;
    }
    parts.push(this.#original.subarray(from));
    return Buffer.concat(parts);
  }
}

/**
 * Signs a whole message.
 *
 * @param message an RFC 5322 message with CRLF line ends
 * @returns the signed message, or the refusal; signature fields that a level-0 message came with are removed
 * @throws RangeError when the options are outside the limits of the field (SIG-13, RCP-6…)
 */
export function sign(message: Uint8Array, options: SignOptions): SignedMessage | Refusal {
  const signer = new MessageSigner();
  signer.write(message);
  const prepared = signer.finish();
  if (!prepared.ok) return prepared;
  const result = signPrepared(prepared, options);
  return result.ok ? new SignedMessage(message, result) : result;
}
