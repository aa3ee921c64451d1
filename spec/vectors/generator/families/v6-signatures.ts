// V6, Ed25519 and RSA: one signature.
import { constants, type KeyObject, sign } from "node:crypto";
import { base64 } from "../reference/canonical.ts";
import {
  add,
  challenge,
  decodeNumber,
  encodeNumber,
  encodePoint,
  L,
  multiplyBase,
  secretScalar,
  TORSION,
} from "../reference/edwards.ts";
import { keyId } from "../reference/hashes.ts";
import { ALLICE, keyOf, publicKeyOnly, SEED_1, type TestKey } from "../reference/keys.ts";
import { RSA_1024, RSA_2040, RSA_2048, RSA_4096, RSA_4104, RSA_EXPONENT_3 } from "../reference/rsa-keys.ts";
import { type SignatureOptions, signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, passBy, verifyCase } from "../verify-case.ts";

function one(
  name: string,
  requirements: readonly string[],
  about: string,
  options: SignatureOptions,
  expected: Readonly<Record<string, unknown>>,
): Case {
  const key = options.key ?? ALLICE;
  const message = signed(mail(), options);
  return verifyCase({ name, requirements, about, message, statements: [statement(key)], expected });
}

function ed25519(
  name: string,
  requirements: readonly string[],
  about: string,
  options: SignatureOptions,
): Case {
  return one(name, requirements, about, options, fail("signature"));
}

function rsa(name: string, about: string, key: TestKey, expected: Readonly<Record<string, unknown>>): Case {
  return one(name, ["SIG-34", "STA-15"], about, { key }, expected);
}

/** R of a signature moved by a point of order 4: it verifies with the cofactor and not without. */
function withTorsion(message: Uint8Array): Buffer {
  const nonce = 123456789n;
  const publicKey = ALLICE.spki.subarray(12);
  const r = encodePoint(add(multiplyBase(nonce), TORSION));
  const s = (nonce + challenge(r, publicKey, message) * secretScalar(SEED_1)) % L;
  return Buffer.concat([r, encodeNumber(s)]);
}

const flip = (at: number) => (octets: Buffer) =>
  octets.map((octet, index) => (index === at ? octet ^ 1 : octet));
/** Verifies under the neutral element whatever the message is: R = 5B, S = 5. */
const anybody = Buffer.concat([encodePoint(multiplyBase(5n)), encodeNumber(5n)]);
const neutral = publicKeyOnly(ALLICE.identity, encodeNumber(1n), anybody);
const neutralNotCanonical = publicKeyOnly(ALLICE.identity, encodeNumber(2n ** 255n - 18n), anybody);
const rsaPrivateKey = RSA_2048.privateKey as KeyObject;

export const signatures: readonly Case[] = [
  one("ed25519", ["SIG-33", "SIG-51"], "A good Ed25519 signature.", {}, PASS),
  ed25519("ed25519-bit-flipped-in-r", ["SIG-33"], "One bit of the first half differs.", {
    signature: flip(0),
  }),
  ed25519("ed25519-bit-flipped-in-s", ["SIG-33"], "One bit of the second half differs.", {
    signature: flip(32),
  }),
  ed25519("ed25519-all-zero", ["SIG-33"], "64 zero octets are no signature.", {
    signature: () => Buffer.alloc(64),
  }),
  ed25519(
    "ed25519-s-plus-l",
    ["SIG-37"],
    "S + L gives the same point as S: a signature that anybody can make out of a good one. S must be less than L.",
    {
      signature: (good) =>
        Buffer.concat([good.subarray(0, 32), encodeNumber(decodeNumber(good.subarray(32)) + L)]),
    },
  ),
  ed25519("ed25519-s-with-high-bits", ["SIG-37"], "The three highest bits of S are set.", {
    signature: (good) => good.map((octet, index) => (index === 63 ? octet | 0xe0 : octet)) as Buffer,
  }),
  ed25519(
    "ed25519-torsion-in-r",
    ["SIG-40"],
    "The equation holds only when multiplied by the cofactor: verification is without it.",
    {
      signature: (_, { input }) => withTorsion(input),
    },
  ),
  ed25519("ed25519-by-another-key", ["SIG-33"], "Signed with a key that is not the one k names.", {
    key: { ...ALLICE, sign: keyOf(ALLICE.identity, 2).sign },
  }),
  ed25519("ed25519-over-h", ["SIG-50", "SIG-51"], "H itself is signed instead of M.", {
    input: ({ headerCanonical }) => Buffer.from(headerCanonical, "latin1"),
  }),
  ed25519("ed25519-over-bare-hash", ["SIG-50", "SIG-51"], "SHA-256(H) is signed without the prefix.", {
    input: ({ input }) => input.subarray(11),
  }),
  ed25519("ed25519-over-statement-prefix", ["SIG-50", "SIG-51"], "The prefix is that of key statements.", {
    input: ({ input }) => Buffer.concat([Buffer.from("VSMTP1-KST\0"), input.subarray(11)]),
  }),
  one(
    "ed25519-small-order-key",
    ["SIG-60"],
    "The public key is the neutral element, under which one signature fits every message: bad-key (decision 0011).",
    { key: neutral },
    fail("bad-key", neutral),
  ),
  one(
    "ed25519-not-canonical-key",
    ["SIG-60"],
    "The same point written as y = p + 1: bad-key (decision 0011).",
    { key: neutralNotCanonical },
    fail("bad-key", neutralNotCanonical),
  ),

  rsa("rsa-2048-alone", "RSA alone verifies.", RSA_2048, passBy(RSA_2048)),
  rsa("rsa-4096", "The largest RSA key.", RSA_4096, passBy(RSA_4096)),
  rsa("rsa-4104", "8 bits more than the largest.", RSA_4104, fail("bad-key", RSA_4104)),
  rsa("rsa-2040", "8 bits less than the smallest.", RSA_2040, fail("bad-key", RSA_2040)),
  rsa("rsa-1024", "Far too short.", RSA_1024, fail("bad-key", RSA_1024)),
  rsa("rsa-exponent-3", "The exponent must be 65537.", RSA_EXPONENT_3, fail("bad-key", RSA_EXPONENT_3)),
  one(
    "rsa-bit-flipped",
    ["SIG-34"],
    "One bit of the signature differs.",
    { key: RSA_2048, signature: flip(100) },
    fail("signature", RSA_2048),
  ),
  one(
    "rsa-signature-too-short",
    ["SIG-23", "SIG-34"],
    "A b of wrong length is fail signature.",
    { key: RSA_2048, signature: (good) => good.subarray(1) },
    fail("signature", RSA_2048),
  ),
  one(
    "rsa-signature-with-leading-zero",
    ["SIG-23", "SIG-34"],
    "The same number in one octet more.",
    { key: RSA_2048, signature: (good) => Buffer.concat([Buffer.of(0), good]) },
    fail("signature", RSA_2048),
  ),
  one(
    "rsa-pss",
    ["SIG-34"],
    "The padding is that of PKCS #1 v1.5, not PSS.",
    {
      key: RSA_2048,
      signature: (_, { input }) => fixedPss(input),
    },
    fail("signature", RSA_2048),
  ),
  one(
    "rsa-sha-1",
    ["SIG-34"],
    "The hash is SHA-256.",
    {
      key: RSA_2048,
      signature: (_, { input }) => sign("sha1", input, rsaPrivateKey),
    },
    fail("signature", RSA_2048),
  ),
  one(
    "rsa-sha-512",
    ["SIG-34"],
    "The hash is SHA-256.",
    {
      key: RSA_2048,
      signature: (_, { input }) => sign("sha512", input, rsaPrivateKey),
    },
    fail("signature", RSA_2048),
  ),
  verifyCase({
    name: "rsa-signature-with-ed25519-statement",
    requirements: ["STA-8", "STA-15"],
    about: "The field says RSA, the statement of its key says Ed25519.",
    message: signed(mail(), { key: RSA_2048 }),
    statements: [statement(RSA_2048, { tags: { a: "ed25519-sha256" } })],
    expected: fail("bad-key", RSA_2048),
  }),
  verifyCase({
    name: "ed25519-signature-with-rsa-key",
    requirements: ["STA-8", "STA-15"],
    about: "Field and statement say Ed25519, but p holds an RSA key.",
    message: signed(mail(), {
      key: { ...RSA_2048, algorithm: "ed25519-sha256" },
      signature: () => Buffer.alloc(64),
    }),
    statements: [statement({ ...RSA_2048, algorithm: "ed25519-sha256" })],
    expected: fail("bad-key", RSA_2048),
  }),
  verifyCase({
    name: "public-key-with-octets-behind",
    requirements: ["SIG-38", "STA-15"],
    about: "p is a SubjectPublicKeyInfo and two octets more: it is not DER of one key.",
    ...withKey(Buffer.concat([ALLICE.spki, Buffer.of(5, 0)])),
  }),
  verifyCase({
    name: "public-key-cut-short",
    requirements: ["STA-15"],
    about: "p is a SubjectPublicKeyInfo without its last octet.",
    ...withKey(ALLICE.spki.subarray(0, 43)),
  }),
];

/** PSS without salt, which is deterministic. */
function fixedPss(input: Uint8Array): Buffer {
  return sign("sha256", input, {
    key: rsaPrivateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 0,
  });
}

/** A message and statement whose `k` fits `p`, although `p` is no good. */
function withKey(
  spki: Buffer,
): Pick<Parameters<typeof verifyCase>[0], "message" | "statements" | "expected"> {
  const key = { ...publicKeyOnly(ALLICE.identity, Buffer.alloc(0), Buffer.alloc(64)), spki };
  const named = { ...key, kid: keyId(spki) };
  const line = statement(named, { tags: { p: base64(spki) } });
  return { message: signed(mail(), { key: named }), statements: [line], expected: fail("bad-key", named) };
}
