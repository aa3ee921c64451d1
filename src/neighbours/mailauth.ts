// What is used of mailauth's inside: it declares no types for these files. The version is pinned, and
// signatures.test.ts holds this way of using it against dkimVerify().
// @ts-expect-error
import { DkimVerifier as UntypedVerifier } from "mailauth/lib/dkim/dkim-verifier.js";
// @ts-expect-error
import { getPublicKey as untypedGetPublicKey } from "mailauth/lib/tools.js";
import type { Resolve } from "./message-dns.ts";

/** A header field as mailauth's own parser gives it: `line` without its last CRLF. */
export interface Row {
  readonly key: string;
  readonly casedKey: string;
  readonly line: Buffer;
}

export interface BodyHash {
  update(octets: Uint8Array): void;
  digest(encoding: "base64"): string;
  getMimeStructureStart(): number;
}

/** A DKIM-Signature, or the newest ARC-Message-Signature. */
export interface SignatureHeader {
  readonly bodyHashKey?: string;
  readonly signingDomain: string;
  readonly selector: string;
  readonly parsed?: Readonly<Record<string, { readonly value?: string } | undefined>>;
  /** Why it is not looked at any further. */
  invalid?: string;
}

/** Missing where the message has no signature. */
export interface BaseResult {
  readonly signingDomain?: string | undefined;
  readonly selector?: string | undefined;
  readonly algo?: string | undefined;
  readonly signature?: string | undefined;
}

export interface SignatureResult extends BaseResult {
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly policy?: Readonly<Record<string, string>>;
    /** Octets of the body that `l` leaves out. */
    readonly underSized?: number;
  };
}

interface ArcField {
  readonly original: Buffer;
  readonly parsed?: Readonly<Record<string, { readonly value?: unknown } | undefined>>;
}

export interface ArcData {
  readonly chain: readonly Readonly<Record<string, ArcField | undefined>>[] | false;
  readonly error?: unknown;
  keyCache: KeyCache;
}

export interface KeyCache {
  /** The one that its keys come from: mailauth uses the keys for ARC too when it is the same. */
  readonly resolver: Resolve;
  get(type: string, name: string, minBitLength: unknown, options: KeyOptions): Promise<PublicKey>;
}

export interface KeyOptions {
  readonly strict?: boolean;
  readonly hashAlgo?: string;
}

export interface PublicKey {
  /** PEM, or what node:crypto takes instead. */
  readonly publicKey: unknown;
  readonly keyType: string;
  readonly modulusLength?: number;
  readonly flags: readonly string[];
  readonly testing: boolean;
  readonly warnings: readonly string[];
}

export interface Verifier {
  headers: { readonly parsed: readonly Row[] };
  keyCache: KeyCache;
  readonly arc: ArcData;
  readonly signatureHeaders: readonly SignatureHeader[];
  /** By canonicalization, algorithm and length: `relaxed:sha256:`. */
  readonly bodyHashes: Map<string, BodyHash>;
  readonly results: readonly SignatureResult[];
  /** What a result has, verified or not. */
  baseResult(signature: SignatureHeader): BaseResult;
  messageHeaders(headers: { readonly parsed: readonly Row[] }): Promise<void>;
  nextChunk(octets: Uint8Array): Promise<void>;
  finalChunk(): Promise<void>;
}

export const DkimVerifier: new (options: {
  readonly strict: boolean;
  readonly resolver: Resolve;
}) => Verifier = UntypedVerifier;

export const getPublicKey: (
  type: string,
  name: string,
  minBitLength: number,
  resolver: Resolve,
  options: KeyOptions,
) => Promise<PublicKey> = untypedGetPublicKey;
