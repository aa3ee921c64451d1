import { setImmediate } from "node:timers/promises";
import type { Header } from "../message/index.ts";
import {
  type ArcData,
  type BaseResult,
  type BodyHash,
  DkimVerifier,
  type SignatureHeader,
  type SignatureResult,
  type Verifier,
} from "./mailauth.ts";
import type { Resolve } from "./message-dns.ts";
import type { MessageKeys, PublicKeys } from "./public-keys.ts";
import { signatureRows } from "./signature-rows.ts";

/** What the message's signatures came to. */
export interface Signatures {
  /** Each DKIM-Signature that was looked at, top to bottom; empty: there is none. */
  readonly dkim: readonly SignatureResult[];
  /** For `arc()`; null: there is no chain. */
  readonly arc: ArcData | null;
  /** Why nothing was verified that is there. */
  readonly skipped: { readonly dkim: string | null; readonly arc: string | null };
  /**
   * Why what verifies proves nothing all the same; null: it does. A signature covers the lowest From field, or as many as it
   * names: whoever puts one above shows readers another author than the one that was signed (RFC 6376 §8.15).
   */
  readonly ambiguous: string | null;
  readonly keys: MessageKeys;
}

/** What is asked of a NeighbourQuestion here. */
export interface SignedMessage {
  readonly header: Header;
  readonly bodyHashBase64: string | null;
  body(): AsyncIterable<Uint8Array>;
}

/** More would have the body hashed as often as there are signatures. */
const MAX_BODY_HASHES = 2;
/** What mailauth itself brings into relaxed form, for signatures with `l`: 0.3 s for each MiB of hostile text. */
const MAX_RELAXED_OCTETS = 256 << 10;
/** Hashed between looks at other messages. */
const SLICE_OCTETS = 32 << 10;
const RELAXED = "relaxed:sha256:";
const TOO_LARGE = "the header is too large";

/**
 * Verifies DKIM signatures (RFC 6376) and the newest ARC-Message-Signature (RFC 8617).
 *
 * mailauth's verifier is given the fields as our own parser found them, and the body's hash where it is known: its own
 * reading of a message takes three times as long, and with header fields of very many lines grows with their square.
 */
export async function verifySignatures(
  message: SignedMessage,
  resolve: Resolve,
  publicKeys: PublicKeys,
  signal: AbortSignal,
): Promise<Signatures> {
  const keys = publicKeys.for(resolve);
  const rows = signatureRows(message.header);
  const froms = message.header.fields.filter(({ name }) => name === "from").length;
  const ambiguous = froms > 1 ? "there is more than one From field" : null;
  const nothing = { dkim: [], arc: null, skipped: { dkim: null, arc: null }, ambiguous, keys };
  if (rows === null) return nothing;
  if (rows === "too-large") return { ...nothing, skipped: { dkim: TOO_LARGE, arc: TOO_LARGE } };
  const { all, signatures, arc, arcTooLarge } = rows;
  const verifier = new FrugalVerifier({ strict: true, resolver: resolve });
  verifier.keyCache = keys;
  verifier.arc.keyCache = keys;
  // It reads From, Return-Path and Content-Type only to tell more about them than is wanted.
  knowBodyHash(verifier, message.bodyHashBase64);
  await verifier.messageHeaders({ parsed: [...signatures, ...arc] });
  verifier.headers = { parsed: all };
  boundBodyHashes(verifier);
  await hashBody(verifier, message, signal);
  await verifier.finalChunk();
  const unread = signatures.length === 0 && all.some(({ key }) => key === "dkim-signature");
  return {
    dkim: verifier.results.filter(({ signingDomain }) => signingDomain !== undefined),
    arc: arc.length > 0 ? verifier.arc : null,
    skipped: { dkim: unread ? "the signature is too large" : null, arc: arcTooLarge ? TOO_LARGE : null },
    ambiguous,
    keys,
  };
}

/** Most messages need no other: VSMTP hashes the same form of the body (MSG-11). */
function knowBodyHash({ bodyHashes }: Verifier, bodyHashBase64: string | null): void {
  if (bodyHashBase64 !== null) bodyHashes.set(RELAXED, new KnownBodyHash(bodyHashBase64));
}

function boundBodyHashes(verifier: Verifier): void {
  const { bodyHashes } = verifier;
  // RFC 8301 §3.1
  for (const key of unknownHashes(bodyHashes)) if (key.includes(":sha1:")) refuse(verifier, key, "rsa-sha1");
  for (const key of unknownHashes(bodyHashes).slice(MAX_BODY_HASHES)) {
    refuse(verifier, key, "the body is signed in too many forms");
  }
}

async function hashBody(verifier: Verifier, message: SignedMessage, signal: AbortSignal): Promise<void> {
  if (unknownHashes(verifier.bodyHashes).length === 0) return;
  let octets = 0;
  for await (const piece of message.body()) {
    octets += piece.length;
    if (octets > MAX_RELAXED_OCTETS) {
      const relaxed = unknownHashes(verifier.bodyHashes).filter((key) => key.startsWith("relaxed:"));
      for (const key of relaxed) refuse(verifier, key, "l= on a large body");
    }
    for (let at = 0; at < piece.length; at += SLICE_OCTETS) {
      await verifier.nextChunk(piece.subarray(at, at + SLICE_OCTETS));
      await setImmediate();
      signal.throwIfAborted();
    }
  }
}

/** The signatures over this form of the body are not looked at any further. */
function refuse({ bodyHashes, signatureHeaders }: Verifier, key: string, reason: string): void {
  bodyHashes.delete(key);
  for (const signature of signatureHeaders) if (signature.bodyHashKey === key) signature.invalid = reason;
}

function unknownHashes(bodyHashes: ReadonlyMap<string, BodyHash>): string[] {
  return [...bodyHashes].filter(([, hash]) => !(hash instanceof KnownBodyHash)).map(([key]) => key);
}

/**
 * Makes no hash of its own for the id of a result, which nobody reads: objects of node:crypto hold memory that the garbage
 * collector does not see, and live until it looks at everything.
 */
class FrugalVerifier extends DkimVerifier {
  override baseResult({ signingDomain, selector, parsed }: SignatureHeader): BaseResult {
    return { signingDomain, selector, algo: parsed?.a?.value, signature: parsed?.b?.value };
  }
}

class KnownBodyHash implements BodyHash {
  readonly #base64: string;

  constructor(base64: string) {
    this.#base64 = base64;
  }

  update(): void {}

  digest(): string {
    return this.#base64;
  }

  getMimeStructureStart(): number {
    return 0;
  }
}
