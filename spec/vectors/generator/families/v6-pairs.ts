// V6, Ed25519 and RSA: two signatures of level 0.
import { ALLICE, keyOf } from "../reference/keys.ts";
import { RSA_2048 } from "../reference/rsa-keys.ts";
import { type SignatureOptions, signed, T } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import {
  fail,
  mail,
  PASS,
  PERMERROR,
  passBy,
  temperror,
  type VerifyCase,
  verifyCase,
} from "../verify-case.ts";

const BAD: SignatureOptions = { signature: (good) => good.map((octet) => octet ^ 255) as Buffer };
const UNKNOWN: SignatureOptions = { tags: { a: "future-algorithm" } };
const SYNTAX: SignatureOptions = { tags: { bh: "!" } };
const EXPIRED: SignatureOptions = { tags: { t: `${T - 700000}`, x: `${T - 600000}` } };
const SECOND = keyOf(ALLICE.identity, 2);
const both = [statement(), statement(RSA_2048)];

/** Ed25519 above RSA, as signers write them. */
function pair(ed25519: SignatureOptions, rsa: SignatureOptions): string {
  return signed(signed(mail(), { ...rsa, key: RSA_2048 }), ed25519);
}

function two(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  expected: Readonly<Record<string, unknown>>,
  more: Partial<VerifyCase> = {},
): Case {
  return verifyCase({ name, requirements, about, message, statements: both, ...more, expected });
}

export const pairs: readonly Case[] = [
  two(
    "pair",
    ["SIG-35", "VER-6"],
    "Ed25519 and RSA at the same level: the topmost good one answers.",
    pair({}, {}),
    PASS,
  ),
  two(
    "pair-rsa-topmost",
    ["SIG-35", "VER-6"],
    "In the other order RSA answers.",
    signed(signed(mail()), { key: RSA_2048 }),
    passBy(RSA_2048),
  ),
  two("pair-rsa-bad", ["VER-6"], "One good signature suffices.", pair({}, BAD), PASS),
  two("pair-ed25519-bad", ["VER-6"], "Also when it is the second.", pair(BAD, {}), passBy(RSA_2048)),
  two(
    "pair-both-bad",
    ["VER-8"],
    "With none good the topmost one's reason is reported.",
    pair(BAD, BAD),
    fail("signature"),
  ),
  two(
    "pair-topmost-reason-first",
    ["VER-8"],
    "The topmost is expired, the other bad: expired is reported.",
    pair(EXPIRED, BAD),
    fail("expired"),
  ),
  two(
    "pair-topmost-reason-second",
    ["VER-8"],
    "The topmost is bad, the other expired: signature is reported.",
    pair(BAD, EXPIRED),
    fail("signature"),
  ),
  two(
    "pair-expired-and-good",
    ["VER-6", "VER-8"],
    "Times are judged by field: the other one is good.",
    pair(EXPIRED, {}),
    passBy(RSA_2048),
  ),
  two(
    "pair-topmost-without-key",
    ["VER-6"],
    "The topmost field's key is unknown, the other good.",
    pair({}, {}),
    passBy(RSA_2048),
    { statements: [statement(RSA_2048)] },
  ),
  two(
    "pair-revoked-and-good",
    ["VER-6"],
    "A revoked key beside a good one: one good signature suffices.",
    pair({}, {}),
    passBy(RSA_2048),
    {
      statements: [statement(ALLICE, { tags: { st: "revoked", p: null } }), statement(RSA_2048)],
    },
  ),
  two(
    "pair-unavailable-and-bad",
    ["VER-6"],
    "With none good a temporary problem outranks failure, although the failure is topmost.",
    pair(BAD, {}),
    { result: "temperror", reason: "unavailable" },
    { unavailable: [RSA_2048.kid] },
  ),
  two(
    "pair-unavailable-and-good",
    ["VER-6"],
    "With a good one a temporary problem does not matter.",
    pair({}, {}),
    passBy(RSA_2048),
    { unavailable: [ALLICE.kid] },
  ),
  two("pair-both-unavailable", ["VER-6"], "Neither key can be had now.", pair({}, {}), temperror(), {
    unavailable: [ALLICE.kid, RSA_2048.kid],
  }),
  two(
    "pair-unavailable-but-body-altered",
    ["VER-4", "VER-8"],
    "Body hashes are compared before any lookup: nothing temporary comes up.",
    pair({}, {}).replace("Noon", "Nine"),
    fail("body"),
    { unavailable: [ALLICE.kid, RSA_2048.kid] },
  ),
  two(
    "pair-unsupported-and-good",
    ["SIG-26", "SIG-36"],
    "An unsupported algorithm makes that one signature unusable.",
    pair(UNKNOWN, {}),
    passBy(RSA_2048),
  ),
  two(
    "pair-unsupported-and-bad",
    ["SIG-26", "VER-6"],
    "The usable field fails: that is the result, not permerror.",
    pair(UNKNOWN, BAD),
    fail("signature", RSA_2048),
  ),
  two(
    "pair-both-unsupported",
    ["SIG-36"],
    "With no usable one left the result is permerror.",
    pair(UNKNOWN, UNKNOWN),
    PERMERROR,
  ),
  two(
    "pair-syntax-error-and-good",
    ["SIG-26"],
    "A field that does not parse is unusable, the other one counts.",
    pair(SYNTAX, {}),
    passBy(RSA_2048),
  ),
  two(
    "pair-syntax-error-and-unsupported",
    ["SIG-26"],
    "Neither is usable.",
    pair(SYNTAX, UNKNOWN),
    PERMERROR,
  ),
  two(
    "two-ed25519-keys",
    ["SIG-56", "VER-6"],
    "Two fields of one level may use the same algorithm with two keys.",
    signed(signed(mail(), { key: SECOND }), BAD),
    passBy(SECOND),
    { statements: [statement(), statement(SECOND)] },
  ),
  two(
    "key-unknown",
    ["KEY-32", "VER-11"],
    "The key server knows no such key.",
    signed(mail()),
    fail("no-key"),
    { statements: [] },
  ),
  two(
    "key-unavailable",
    ["VER-10", "CCH-11"],
    "The key server cannot be reached now.",
    signed(mail()),
    temperror(),
    { unavailable: [ALLICE.kid] },
  ),
  two(
    "key-unavailable-after-expiry",
    ["CCH-12", "VER-3"],
    "Deferral ends by itself: after x the result is fail expired, the key server's state notwithstanding.",
    signed(mail()),
    fail("expired"),
    { unavailable: [ALLICE.kid], now: T + 604801 },
  ),
  two("key-revoked", ["STA-14", "VER-11"], "The key was revoked.", signed(mail()), fail("revoked"), {
    statements: [statement(ALLICE, { tags: { st: "revoked", p: null } })],
  }),
  two("key-suspended", ["STA-14", "VER-11"], "The account is suspended.", signed(mail()), fail("suspended"), {
    statements: [statement(ALLICE, { tags: { st: "suspended", p: null } })],
  }),
  two("key-retired", ["STA-2", "STA-9"], "A retired key verifies what it signed.", signed(mail()), PASS, {
    statements: [statement(ALLICE, { tags: { st: "retired" } })],
  }),
  two(
    "key-of-somebody-else",
    ["STA-6", "STA-15"],
    "The key exists, but it is another identity's.",
    signed(mail()),
    fail("bad-key"),
    { statements: [statement({ ...ALLICE, identity: "mallory@someisp.tld" })] },
  ),
  two(
    "statement-stale",
    ["STA-16"],
    "A stale statement is no answer: the target failed, and there is no other.",
    signed(mail()),
    temperror(),
    { now: T + 901, statements: [statement()] },
  ),
  two(
    "statement-before-epoch",
    ["STA-12", "STA-16"],
    "Neither is one that was issued before the domain's epoch.",
    signed(mail()),
    temperror(),
    { epoch: T + 1 },
  ),
];
