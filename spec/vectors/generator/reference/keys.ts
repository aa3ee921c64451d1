// The keys of the vectors: Ed25519 from fixed seeds, RSA from fixed primes (rsa-keys.ts).
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { keyId } from "./hashes.ts";

export interface TestKey {
  readonly algorithm: "ed25519-sha256" | "rsa-sha256";
  /** Canonical, percent-encoded: `i`. */
  readonly identity: string;
  readonly spki: Buffer;
  readonly kid: string;
  /** Null where nobody has it. */
  readonly privateKey: KeyObject | null;
  sign(message: Uint8Array): Buffer;
}

export const PKCS8_PREFIX = "302e020100300506032b657004220420";
const SPKI_PREFIX = "302a300506032b6570032100";

export function ed25519Key(identity: string, seed: Uint8Array): TestKey {
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX, "hex"), seed]);
  return testKey("ed25519-sha256", identity, createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
}

/** A seed for a name. */
export function seedOf(name: string): Buffer {
  return createHash("sha256").update(`vsmtp test vectors: ${name}`).digest();
}

/** An account's Ed25519 key, its seed made from the identity and, for a further key, a number. */
export function keyOf(identity: string, number = 1): TestKey {
  return ed25519Key(identity, seedOf(`${identity} ${number}`));
}

/** A public key that nobody has the private half of. */
export function publicKeyOnly(identity: string, encodedPoint: Uint8Array, signature: Buffer): TestKey {
  const spki = Buffer.concat([Buffer.from(SPKI_PREFIX, "hex"), encodedPoint]);
  return {
    algorithm: "ed25519-sha256",
    identity,
    spki,
    kid: keyId(spki),
    privateKey: null,
    sign: () => signature,
  };
}

export function testKey(algorithm: TestKey["algorithm"], identity: string, privateKey: KeyObject): TestKey {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const hash = algorithm === "rsa-sha256" ? "sha256" : null;
  const signWith = (message: Uint8Array): Buffer => sign(hash, message, privateKey);
  return { algorithm, identity, spki, kid: keyId(spki), privateKey, sign: signWith };
}

/** RFC 8032 §7.1 tests 1 and 2. */
export const SEED_1 = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
export const SEED_2 = Buffer.from("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "hex");

export const ALLICE = ed25519Key("allice@someisp.tld", SEED_1);
/** The statement key `dk` of someisp.tld. */
export const STATEMENT_KEY = ed25519Key("someisp.tld", SEED_2);
