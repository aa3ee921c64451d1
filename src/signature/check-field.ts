import { verify as cryptoVerify, type KeyObject } from "node:crypto";
import { sameAddress } from "../message/index.ts";
import { type Algorithm, importPublicKey } from "./algorithm.ts";
import { headerCanonical, signingInput } from "./canonical-header.ts";
import { keyId } from "./hashes.ts";
import type { KeyAnswer, KeySource } from "./key-source.ts";
import type { Responsible } from "./responsible-identity.ts";
import type { ScannedMessage } from "./scanned-message.ts";
import { fieldsBelow, type SignatureField, type SignatureTags } from "./signature-field.ts";
import type { FailReason, Trust } from "./verdict.ts";

/** Signing times may lie this far ahead of our clock (SIG-32). Seconds. */
export const CLOCK_SKEW_S = 300;
/** Key lookups for one message (VER-5). */
const MAX_LOOKUPS = 8;

/** A signature field that can be checked. */
export type UsableField = SignatureField & { readonly level: number; readonly tags: SignatureTags };

/** What one field came to. */
export type FieldOutcome =
  | { readonly kind: "good"; readonly grants: readonly string[]; readonly trust: Trust | null }
  | { readonly kind: "fail"; readonly reason: FailReason; readonly detail: string }
  | { readonly kind: "permerror"; readonly detail: string }
  | { readonly kind: "temperror"; readonly detail: string };

const fail = (reason: FailReason, detail: string): FieldOutcome => ({ kind: "fail", reason, detail });

/**
 * Steps 2 and 3 (VER-3, VER-4), which need no key: times, identity (level 0 only), body hash, length of `b`.
 *
 * @returns null when nothing speaks against the field so far
 */
export function checkWithoutKey(
  message: ScannedMessage,
  field: UsableField,
  responsible: Responsible,
  now: number,
): FieldOutcome | null {
  const { tags } = field;
  if (tags.signedAt > now + CLOCK_SKEW_S)
    return fail("expired", `signed ${tags.signedAt - now} s in the future`);
  if (now > tags.expiresAt) return fail("expired", `expired ${now - tags.expiresAt} s ago`);
  if (field.level === 0) {
    if (!responsible.ok) return { kind: "permerror", detail: responsible.detail };
    const { identity } = responsible;
    if (!identity.ok) return fail("identity", `the responsible address cannot sign: ${identity.detail}`);
    if (!sameAddress(identity.address, tags.address)) {
      return fail("identity", `signed by ${tags.identity}, which neither Sender nor From names`);
    }
  }
  // Strict base64 has one text for one value, so the texts can be compared (SIG-22).
  if (tags.bodyHashBase64 !== message.bodyHashBase64)
    return fail("body", "the body was altered after signing");
  if (tags.algorithm === "ed25519-sha256" && tags.signature.length !== 64) {
    return fail("signature", `b holds ${tags.signature.length} octets, an Ed25519 signature has 64`);
  }
  return null;
}

/** Asks for keys, and counts: beyond eight lookups a field is `temperror` (VER-9). */
export class LookupBudget {
  #left = MAX_LOOKUPS;
  readonly #keys: KeySource;

  constructor(keys: KeySource) {
    this.#keys = keys;
  }

  async lookUp(tags: SignatureTags, now: number): Promise<KeyAnswer> {
    if (this.#left === 0)
      return { kind: "temperror", detail: `more than ${MAX_LOOKUPS} key lookups for one message` };
    this.#left--;
    const { address: identity, kid, algorithm, signedAt } = tags;
    return this.#keys.lookUp({ identity, kid, algorithm, signedAt, now });
  }
}

/** Step 5 (VER-6): fetches the field's key and verifies the signature over H. */
export async function checkWithKey(
  message: ScannedMessage,
  field: UsableField,
  all: readonly SignatureField[],
  budget: LookupBudget,
  now: number,
): Promise<FieldOutcome> {
  const { tags } = field;
  const answer = await budget.lookUp(tags, now);
  if (answer.kind === "temperror") return { kind: "temperror", detail: answer.detail };
  if (answer.kind === "fail") return fail(answer.reason, answer.detail);
  const key = publicKey(answer.spki, tags.kid, tags.algorithm);
  if (key === null) return fail("bad-key", "the key server's key does not fit the key id or the algorithm");
  if (!signatureVerifies(message, field, all, key)) {
    return fail("signature", "a covered header field was added, removed or altered after signing");
  }
  return { kind: "good", grants: answer.grants, trust: answer.trust };
}

/** Does the field's signature verify over H (SIG-50; SIG-37 and SIG-40 are as OpenSSL does)? */
export function signatureVerifies(
  message: ScannedMessage,
  field: UsableField,
  all: readonly SignatureField[],
  key: KeyObject,
): boolean {
  const below = field.level === 0 ? [] : fieldsBelow(field.level, all);
  const h = headerCanonical(message.header, message.index, field.tags.covered, below, field.lastLine);
  return cryptoVerify(
    field.tags.algorithm === "rsa-sha256" ? "sha256" : null,
    signingInput(h),
    key,
    field.tags.signature,
  );
}

const cache = new Map<string, { spki: Uint8Array; key: KeyObject }>();
const CACHE_SIZE = 1024;

/** The key object of a key id. Reading one costs a quarter of a verification, so the latest are kept. */
function publicKey(spki: Uint8Array, kid: string, algorithm: Algorithm): KeyObject | null {
  const name = `${algorithm} ${kid}`;
  const known = cache.get(name);
  if (known && Buffer.compare(known.spki, spki) === 0) return known.key;
  if (keyId(spki) !== kid) return null; // SIG-39
  const key = importPublicKey(spki, algorithm);
  if (key === null) return null;
  const oldest = cache.size >= CACHE_SIZE ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  cache.set(name, { spki: Uint8Array.from(spki), key });
  return key;
}
