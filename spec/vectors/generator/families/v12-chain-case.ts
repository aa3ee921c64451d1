// V12, custody chains: one chain.
import { keyOf } from "../reference/keys.ts";
import { RSA_2048 } from "../reference/rsa-keys.ts";
import { type SignatureOptions, signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, type VerifyCase, verifyCase } from "../verify-case.ts";

// Allice writes to bob, who forwards to carol, who forwards to dave.
export const BOB = keyOf("bob@dest.tld");
export const CAROL = keyOf("carol@third.tld");
export const BOB_2 = keyOf("bob@dest.tld", 2);
export const DAVE = "dave@fourth.tld";
export const statements = [
  statement(),
  statement(RSA_2048),
  ...[BOB, BOB_2, CAROL].map((key) => statement(key)),
];
export const BAD: SignatureOptions = { signature: (good) => good.map((octet) => octet ^ 255) as Buffer };

export const byAllice = (more: SignatureOptions = {}): string =>
  signed(mail(), { recipients: [BOB.identity], ...more });
export const byBob = (message = byAllice(), more: SignatureOptions = {}): string =>
  signed(message, { key: BOB, level: 1, recipients: [CAROL.identity], ...more });
export const byCarol = (message = byBob(), more: SignatureOptions = {}): string =>
  signed(message, { key: CAROL, level: 2, recipients: [DAVE], ...more });
export const exact: SignatureOptions = { tags: { f: "exact" } };

export function chain(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  recipients: readonly string[],
  rcpt: string | Readonly<Record<string, unknown>>,
  more: Partial<VerifyCase> = {},
): Case {
  const expected = typeof rcpt === "string" ? { ...PASS, rcpt } : rcpt;
  return verifyCase({ name, requirements, about, message, recipients, statements, ...more, expected });
}

export const FAIL_EXACT = { ...fail("exact"), rcpt: "mismatch" };
