import { sign as cryptoSign, type KeyObject, randomFillSync } from "node:crypto";
import {
  type Address,
  type AddressResult,
  encodeAddress,
  type HeaderField,
  sameAddress,
} from "../message/index.ts";
import type { Algorithm } from "./algorithm.ts";
import { headerCanonical, signingInput } from "./canonical-header.ts";
import { CORE_FIELDS, isTransportField } from "./covered-fields.ts";
import { formatSignature, formatUpToSignature } from "./format-field.ts";
import { recipientHash } from "./hashes.ts";
import { type Responsible, selectResponsible } from "./responsible-identity.ts";
import {
  MessageScanner,
  type ScannedMessage,
  type StructureProblem,
  structureProblem,
} from "./scanned-message.ts";
import {
  DEFAULT_LIFETIME_S,
  fieldsBelow,
  MAX_LIFETIME_S,
  MAX_RECIPIENTS,
  parseSignatureField,
  SIGNATURE_FIELD,
  type SignatureField,
} from "./signature-field.ts";

/** A private key that signs, and the id of its public key. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
}

/** Why a message cannot be signed; SMTP answers 550 5.6.0 with `detail` (SIG-43). */
export interface Refusal {
  readonly ok: false;
  readonly reason: StructureProblem["reason"] | "syntax" | "identity" | "too-many-signatures";
  readonly detail: string;
}

/** What one copy of a message is signed with. */
export interface DraftOptions {
  readonly identity: Address;
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** `t`, Unix seconds. */
  readonly signedAt: number;
  /** `x`, Unix seconds; 7 days after `signedAt` unless given. */
  readonly expiresAt?: number | undefined;
  /** Who gets this copy (`r`, SIG-18): 1 to 32, or none to leave it unbound. */
  readonly recipients?: readonly Address[] | undefined;
  /** 16 octets, fresh for each copy; random unless given (RCP-2). */
  readonly salt?: Uint8Array | undefined;
  /** Custody level, 0 unless given (SIG-9). */
  readonly level?: number | undefined;
  readonly flags?: readonly ("exact" | "auto")[] | undefined;
  /** Field names to cover beyond the core set, such as `list-unsubscribe`. */
  readonly extraFields?: readonly string[] | undefined;
}

/** A signature field that lacks nothing but `b`. */
export interface SignatureDraft {
  /** H (SIG-50): what a remote signer is given. */
  readonly headerCanonical: Buffer;
  /** M: the octets to sign. */
  readonly input: Buffer;
  /** The whole field with its CRLF, to be put before the message. */
  complete(signature: Uint8Array): Buffer;
}

/** A message that was read once and can be signed as often as it has copies. */
export class PreparedMessage {
  readonly ok = true;
  readonly #message: ScannedMessage;
  readonly #responsible: Responsible & { ok: true };

  constructor(message: ScannedMessage, responsible: Responsible & { ok: true }) {
    this.#message = message;
    this.#responsible = responsible;
  }

  get scanned(): ScannedMessage {
    return this.#message;
  }

  /** The Sender mailbox, else the sole From mailbox: the only identity that can sign at level 0 (IDY-5). */
  get responsible(): AddressResult {
    return this.#responsible.identity;
  }

  get from(): readonly AddressResult[] {
    return this.#responsible.from;
  }

  /** The signature fields that the message came with. */
  get signatureFields(): readonly HeaderField[] {
    return this.#message.index.get(SIGNATURE_FIELD) ?? [];
  }

  /**
   * Makes the field of one copy.
   *
   * @throws RangeError when the options are outside the limits of the field (times, 33 recipients, a name that `h` must not hold…)
   */
  draft(options: DraftOptions): SignatureDraft {
    const level = options.level ?? 0;
    const covered = coveredNames(options.extraFields ?? []);
    const { text, canonical } = formatUpToSignature({
      level,
      algorithm: options.algorithm,
      identity: encodeAddress(options.identity),
      kid: options.kid,
      signedAt: options.signedAt,
      expiresAt: checkedExpiry(options),
      covered,
      recipients: bindRecipients(options.recipients ?? [], options.salt),
      flags: options.flags ?? [],
      bodyHashBase64: this.#message.bodyHashBase64,
    });
    const below = level === 0 ? [] : fieldsBelow(level, this.#parsedSignatures());
    const h = headerCanonical(
      this.#message.header,
      this.#message.index,
      covered,
      below,
      Buffer.from(canonical, "latin1"),
    );
    return {
      headerCanonical: h,
      input: signingInput(h),
      complete: (signature) => Buffer.from(`${text}${formatSignature(signature)}\r\n`, "latin1"),
    };
  }

  /** May this identity sign at this level? A refusal says why not (SIG-55, SIG-56, IDY-5). */
  check(identity: Address, level: number): Refusal | null {
    if (level === 0) {
      const { identity: responsible } = this.#responsible;
      if (!responsible.ok) {
        return { ok: false, reason: "identity", detail: `the responsible address: ${responsible.detail}` };
      }
      if (sameAddress(responsible.address, identity)) return null;
      const wanted = encodeAddress(responsible.address);
      return {
        ok: false,
        reason: "identity",
        detail: `Sender or From names ${wanted}, so ${encodeAddress(identity)} cannot sign it`,
      };
    }
    const present = this.#parsedSignatures();
    if (!present.some((field) => field.level === level - 1)) {
      return {
        ok: false,
        reason: "identity",
        detail: `level ${level} needs a signature of level ${level - 1} below it`,
      };
    }
    const same = present.filter((field) => field.level === level).length;
    if (same >= 2 || this.signatureFields.length >= 10) {
      return {
        ok: false,
        reason: "too-many-signatures",
        detail: "the message carries as many signatures as it may",
      };
    }
    return null;
  }

  #parsedSignatures(): SignatureField[] {
    return this.signatureFields.flatMap((field) => parseSignatureField(this.#message.header, field) ?? []);
  }
}

/** Reads a message once, in chunks of any size, and prepares it for signing. */
export class MessageSigner {
  readonly #scanner = new MessageScanner();

  write(chunk: Uint8Array): void {
    this.#scanner.write(chunk);
  }

  /** The message has ended: it can be signed, or it says why not. */
  finish(): PreparedMessage | Refusal {
    return prepare(this.#scanner.finish());
  }
}

export function prepare(message: ScannedMessage): PreparedMessage | Refusal {
  const problem = structureProblem(message);
  if (problem) return { ok: false, ...problem };
  const responsible = selectResponsible(message.header, message.index);
  if (!responsible.ok) return { ok: false, reason: "syntax", detail: responsible.detail };
  return new PreparedMessage(message, responsible);
}

/** Signs M with a local key (SIG-51). */
export function signInput(key: SigningKey, input: Uint8Array): Buffer {
  return cryptoSign(key.algorithm === "rsa-sha256" ? "sha256" : null, input, key.privateKey);
}

function checkedExpiry(options: DraftOptions): number {
  const { signedAt } = options;
  const expiresAt = options.expiresAt ?? signedAt + DEFAULT_LIFETIME_S;
  if (!Number.isSafeInteger(signedAt) || signedAt < 0 || signedAt > 999_999_999_999) {
    throw new RangeError(`t=${signedAt} is not a Unix time of at most 12 digits`);
  }
  const lifetime = expiresAt - signedAt;
  if (
    !Number.isSafeInteger(expiresAt) ||
    lifetime <= 0 ||
    lifetime > MAX_LIFETIME_S ||
    expiresAt > 999_999_999_999
  ) {
    throw new RangeError(`x=${expiresAt} must be 1 to ${MAX_LIFETIME_S} seconds after t=${signedAt}`);
  }
  return expiresAt;
}

function coveredNames(extra: readonly string[]): readonly string[] {
  if (extra.length === 0) return CORE_FIELDS;
  for (const name of extra) {
    if (!/^[!-9<-@[-~]+$/.test(name) || isTransportField(name)) {
      throw new RangeError(
        `"${name}" cannot be covered: a field name in lower case that transport does not touch is needed`,
      );
    }
  }
  const names = [...CORE_FIELDS, ...extra];
  if (new Set(names).size !== names.length) throw new RangeError("a field name to cover is named twice");
  return names;
}

function bindRecipients(recipients: readonly Address[], given: Uint8Array | undefined): string[] {
  if (recipients.length === 0) return [];
  if (recipients.length > MAX_RECIPIENTS) {
    throw new RangeError(`${recipients.length} recipients: a copy is bound to at most ${MAX_RECIPIENTS}`);
  }
  const salt = given === undefined ? freshSalt() : Buffer.from(given);
  if (salt.length !== 16) throw new RangeError(`the salt has ${salt.length} octets instead of 16`);
  const hashes = recipients.map((recipient) => recipientHash(salt, recipient));
  return [salt.toString("base64url"), ...new Set(hashes)];
}

const pool = Buffer.alloc(4096);
let drawn = pool.length;

/** 16 random octets (RCP-2), drawn from the system 256 at a time: a call for each would cost half a signature. */
export function freshSalt(): Buffer {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += 16;
  return pool.subarray(drawn - 16, drawn);
}
