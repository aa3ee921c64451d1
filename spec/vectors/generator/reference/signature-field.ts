// Writes signature fields, good ones and, on request, bad ones.
import { base64, canonicalBody, canonicalField, splitMessage } from "./canonical.ts";
import { recipientHash, sha256 } from "./hashes.ts";
import { ALLICE, type TestKey } from "./keys.ts";

export const CORE =
  "from:sender:reply-to:to:cc:subject:date:message-id:in-reply-to:references:mime-version:" +
  "content-type:content-transfer-encoding:content-disposition";

/** t of the vectors: Mon, 05 Jan 2004 12:00:00 UTC. */
export const T = 1073304000;
export const SALT = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

export type Tags = readonly (readonly [name: string, value: string])[];

export interface SignatureOptions {
  readonly key?: TestKey;
  /** Custody level; `n` is written for 1 and more. */
  readonly level?: number;
  /** Canonical addresses for `r`, as octet strings. */
  readonly recipients?: readonly string[];
  /** Values by tag name that replace the right ones or are put before `b`; null leaves the tag out. */
  readonly tags?: Readonly<Record<string, string | null>>;
  /** How tags become the field up to and including "b="; {@link oneTagALine} unless given. */
  readonly write?: (tags: Tags) => string;
  /** What is signed instead of M. */
  readonly input?: (parts: SigningParts) => Buffer;
  /** The octets that `b` holds instead of the signature. */
  readonly signature?: (good: Buffer, parts: SigningParts) => Uint8Array;
  /** The text that stands behind "b=" instead of its base64. */
  readonly b?: (base64: string) => string;
}

export interface SigningParts {
  /** H (SIG-50). */
  readonly headerCanonical: string;
  /** M. */
  readonly input: Buffer;
}

/** Puts a signature field before a message. */
export function signed(message: string, options: SignatureOptions = {}): string {
  const key = options.key ?? ALLICE;
  const level = options.level ?? 0;
  const unsigned = (options.write ?? oneTagALine)(tagsOf(message, options));
  const parts = signingParts(message, unsigned, level);
  const good = key.sign(options.input?.(parts) ?? parts.input);
  const octets = options.signature?.(good, parts) ?? good;
  const b = (options.b ?? ((text) => text))(base64(octets));
  return `${unsigned}${b}\r\n${message}`;
}

function tagsOf(message: string, options: SignatureOptions): Tags {
  const { level = 0, key = ALLICE, recipients } = options;
  const tags = new Map<string, string>();
  if (level > 0) tags.set("n", `${level}`);
  tags.set("a", key.algorithm);
  tags.set("i", key.identity);
  tags.set("k", key.kid);
  tags.set("t", `${T}`);
  tags.set("x", `${T + 604800}`);
  tags.set("h", CORE);
  tags.set("bh", sha256(canonicalBody(splitMessage(message).body)).toString("base64"));
  if (recipients) tags.set("r", boundTo(recipients));
  for (const [name, value] of Object.entries(options.tags ?? {})) {
    if (value === null) tags.delete(name);
    else tags.set(name, value);
  }
  return [...tags];
}

/** The value of `r`. */
export function boundTo(recipients: readonly string[]): string {
  return [SALT.toString("base64url"), ...recipients.map((one) => recipientHash(SALT, one))].join(":");
}

export function oneTagALine(tags: Tags): string {
  return `VSMTP-Signature: v=1;${tags.map(([name, value]) => ` ${name}=${value};`).join("\r\n")}\r\n b=`;
}

/** H and M of a field that is not yet in the message (SIG-50). @param unsigned the field up to and with "b=" */
export function signingParts(message: string, unsigned: string, level: number): SigningParts {
  const { fields } = splitMessage(message);
  const named = fields.map((field) => ({ name: canonicalField(field).split(":", 1)[0], field }));
  let headerCanonical = "";
  for (const name of (tagValue(unsigned, "h") ?? "").split(":")) {
    for (const one of named)
      if (one.name === name.trim()) headerCanonical += `${canonicalField(one.field)}\r\n`;
  }
  for (let lower = 0; lower < level; lower++) {
    for (const one of named) {
      if (one.name === "vsmtp-signature" && levelOf(one.field) === lower)
        headerCanonical += `${canonicalField(one.field)}\r\n`;
    }
  }
  headerCanonical += canonicalField(unsigned);
  const input = Buffer.concat([Buffer.from("VSMTP1-MSG\0", "latin1"), sha256(headerCanonical)]);
  return { headerCanonical, input };
}

function levelOf(field: string): number | null {
  if (!/^v=1 ?;/.test(canonicalField(field).slice("vsmtp-signature:".length))) return null;
  const n = tagValue(field, "n") ?? "0";
  return /^[0-7]$/.test(n) ? Number(n) : null;
}

function tagValue(field: string, name: string): string | null {
  for (const part of canonicalField(field).slice("vsmtp-signature:".length).split(";")) {
    const [before, ...after] = part.split("=");
    if (before?.trim() === name) return after.join("=").trim();
  }
  return null;
}
