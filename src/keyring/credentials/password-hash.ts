import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const argon2Async = promisify(argon2);

/** OWASP's second argon2id setting: about 50 ms on the machines this was measured on. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const SALT_OCTETS = 16;
const TAG_OCTETS = 32;
/** Bounds what a damaged or planted hash can make us spend. */
const MAX_MEMORY_KIB = 1 << 20;
const MAX_PASSES = 16;

/** Passwords longer than this are refused unhashed. */
const MAX_PASSWORD_OCTETS = 1024;

const PHC =
  /^\$argon2id\$v=19\$m=(?<m>\d{1,7}),t=(?<t>\d{1,2}),p=(?<p>\d{1,2})\$(?<salt>[A-Za-z0-9+/]{11,86})\$(?<tag>[A-Za-z0-9+/]{22,86})$/;

/**
 * The form in which passwords are compared: RFC 8265 OpaqueString (NFC, every space an ASCII space). Null for
 * a password that cannot be one: empty, over-long, or with control characters.
 */
export function preparePassword(password: string): string | null {
  const prepared = password.replace(/\p{Zs}/gu, " ").normalize("NFC");
  if (prepared === "" || !prepared.isWellFormed() || /\p{Cc}/u.test(prepared)) return null;
  return Buffer.byteLength(prepared) <= MAX_PASSWORD_OCTETS ? prepared : null;
}

/** argon2id as a PHC string; `password` is prepared already. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_OCTETS);
  return format(salt, await deriveFromPassword(password, salt));
}

/** 32 octets by argon2id; `password` is prepared already. */
export function deriveFromPassword(password: string, salt: Uint8Array): Promise<Buffer> {
  return argon2Async("argon2id", {
    message: password,
    nonce: salt,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: LANES,
    tagLength: TAG_OCTETS,
  });
}

/** Is it an argon2id hash that logins can be checked against, such as another system made? */
export function isPasswordHash(text: string): boolean {
  return parse(text) !== null;
}

/** Compares in constant time. @throws Error when the hash is not one of ours */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parse(hash);
  if (parsed === null) throw new Error("a stored password hash is not an argon2id PHC string within bounds");
  const { tag, parameters } = parsed;
  return timingSafeEqual(await argon2Async("argon2id", { ...parameters, message: password }), tag);
}

/** A hash that no password matches, as costly to check as a real one: for accounts that do not exist. */
export function unmatchableHash(): string {
  return format(randomBytes(SALT_OCTETS), randomBytes(TAG_OCTETS));
}

function format(nonce: Uint8Array, tag: Uint8Array): string {
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(nonce)}$${base64(tag)}`;
}

function parse(hash: string): { tag: Buffer; parameters: Omit<Argon2Parameters, "message"> } | null {
  const { m = "", t = "", p = "", salt = "", tag = "" } = PHC.exec(hash)?.groups ?? {};
  const memory = Number(m);
  const passes = Number(t);
  const parallelism = Number(p);
  // RFC 9106 §3.1: eight blocks of memory for each lane.
  if (tag === "" || parallelism < 1 || memory < 8 * parallelism || memory > MAX_MEMORY_KIB) return null;
  if (passes < 1 || passes > MAX_PASSES) return null;
  const expected = Buffer.from(tag, "base64");
  return {
    tag: expected,
    parameters: {
      nonce: Buffer.from(salt, "base64"),
      memory,
      passes,
      parallelism,
      tagLength: expected.length,
    },
  };
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64").replace(/=+$/, "");
}
