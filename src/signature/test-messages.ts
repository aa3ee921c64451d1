// Keys, key sources and generated messages for the tests of this module.
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import fc from "fast-check";
import { type Address, decodeAddress } from "../message/index.ts";
import { keyId } from "./hashes.ts";
import { verify } from "./judge.ts";
import type { KeyAnswer, KeyQuery, KeySource } from "./key-source.ts";
import { type SignOptions, sign } from "./sign.ts";
import type { SigningKey } from "./signer.ts";

export interface TestKey extends SigningKey {
  readonly spki: Buffer;
}

/** An Ed25519 key from a seed of 32 octets in hex. */
export function ed25519Key(seedHex: string): TestKey {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([prefix, Buffer.from(seedHex, "hex")]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return { kid: keyId(spki), algorithm: "ed25519-sha256", privateKey, spki };
}

/** The key of SPEC's Appendix A (RFC 8032 test 1). */
export const ALLICE = ed25519Key("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
export const BOSS = ed25519Key("11".repeat(32));
export const FORWARDER = ed25519Key("22".repeat(32));

export const address = (text: string): Address => {
  const decoded = decodeAddress(text);
  if (decoded === null) throw new Error(`${text} is not canonical`);
  return decoded;
};

/** A key source that knows these keys, and counts what it is asked. */
export class KnownKeys implements KeySource {
  readonly asked: KeyQuery[] = [];
  readonly #answers = new Map<string, KeyAnswer>();

  constructor(...keys: TestKey[]) {
    for (const key of keys) this.set(key.kid, { kind: "key", spki: key.spki, grants: [], trust: "host" });
  }

  set(kid: string, answer: KeyAnswer): this {
    this.#answers.set(kid, answer);
    return this;
  }

  async lookUp(query: KeyQuery): Promise<KeyAnswer> {
    this.asked.push(query);
    return this.#answers.get(query.kid) ?? { kind: "fail", reason: "no-key", detail: "not known" };
  }
}

/** When the tests sign, and when they verify: Unix seconds. */
export const SIGNED_AT = 1_073_304_000;
export const NOW = SIGNED_AT + 60;
export const BOB = address("bob@dest.tld");
export const crlf = (...lines: string[]): Buffer => Buffer.from(lines.join("\r\n"), "utf8");
/** The message of Appendix A, unsigned. */
export const LUNCH = crlf(
  "From: Allice <allice@someisp.tld>",
  "To: Bob <bob@dest.tld>",
  "Subject: Lunch?",
  "Date: Mon, 05 Jan 2004 12:00:00 +0000",
  "Message-ID: <1@someisp.tld>",
  "",
  "Hi Bob,",
  "",
  "Noon  at the usual place? ",
  "",
  "",
  "",
);

/** Signs as allice with her key, unless told otherwise. */
export function signed(message: Uint8Array, options: Partial<SignOptions> = {}): Buffer {
  const result = sign(message, {
    keys: [ALLICE],
    identity: address("allice@someisp.tld"),
    signedAt: SIGNED_AT,
    ...options,
  });
  assert.ok(result.ok, result.ok ? "" : result.detail);
  return result.message;
}

/** Result and reason: "pass", "fail body". */
export async function outcome(
  message: Uint8Array,
  recipients?: (Address | null)[],
  keys = new KnownKeys(ALLICE, BOSS, FORWARDER),
): Promise<string> {
  const verdict = await verify(message, { now: NOW, recipients, keys });
  return [verdict.result, verdict.reason].filter(Boolean).join(" ");
}

const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019.,:;=-_é\u00ff"), minLength: 1, maxLength: 12 });
const gap = fc.constantFrom(" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  ");
const value = fc
  .tuple(word, fc.array(fc.tuple(gap, word), { maxLength: 6 }))
  .map(([first, rest]) => first + rest.map(([space, next]) => space + next).join(""));
const plainNames = ["Subject", "Reply-To", "To", "Cc", "Date", "Message-ID", "In-Reply-To", "References"];
const bodyLine = fc
  .array(fc.oneof(word, fc.constantFrom(" ", "  ", "\t", ".", "")), { maxLength: 8 })
  .map((parts) => parts.join(""));

/** A message as a submission server would sign it: From, some core fields once each, free fields, a body. */
export const arbitraryMessage = fc
  .record({
    core: fc.uniqueArray(fc.constantFrom(...plainNames), { maxLength: 6 }),
    values: fc.array(value, { minLength: 8, maxLength: 8 }),
    free: fc.array(fc.tuple(fc.constantFrom("X-Mailer", "X-A", "Comments", "Keywords"), value), {
      maxLength: 3,
    }),
    body: fc.array(bodyLine, { maxLength: 12 }),
    lastLineEnd: fc.boolean(),
  })
  .map(({ core, values, free, body, lastLineEnd }) => {
    const header = [
      "From: Allice <allice@someisp.tld>",
      ...core.map((name, index) => `${name}: ${values[index] ?? "x"}`),
      ...free.map(([name, text]) => `${name}: ${text}`),
    ];
    const text = `${header.join("\r\n")}\r\n\r\n${body.join("\r\n")}${lastLineEnd ? "\r\n" : ""}`;
    return Buffer.from(text, "utf8");
  });

/** Octets in chunks of these sizes, over and over; no sizes: in one piece. */
export function cut(octets: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, index = 0; at < octets.length; index++) {
    const size = sizes.length > 0 ? (sizes[index % sizes.length] ?? 1) : octets.length;
    chunks.push(octets.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
