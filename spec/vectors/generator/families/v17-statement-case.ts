// V17, key statements: one statement and what was asked.
import { base64 } from "../reference/canonical.ts";
import { ALLICE, type TestKey } from "../reference/keys.ts";
import { T } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { NOW } from "../verify-case.ts";

export interface Asked {
  readonly signedAt?: number;
  readonly now?: number;
  readonly epoch?: number;
  /** `dk`. */
  readonly dk?: readonly TestKey[];
  readonly staleSeconds?: number;
  readonly key?: TestKey;
}

export const USABLE = { outcome: "usable" };
export const BAD_KEY = { outcome: "fail", reason: "bad-key" };
export const NEXT_TARGET = { outcome: "target-failed" };
export const REVOKED = { outcome: "fail", reason: "revoked" };

export function judged(
  name: string,
  requirements: readonly string[],
  about: string,
  line: string,
  expected: Readonly<Record<string, unknown>>,
  { signedAt = T, now = NOW, epoch, dk, staleSeconds, key = ALLICE }: Asked = {},
): Case {
  const { identity, kid, algorithm } = key;
  const input: Record<string, unknown> = { statement: line, identity, kid, algorithm, signedAt, now };
  if (epoch !== undefined) input.epoch = epoch;
  if (dk) input.statementKeys = dk.map((one) => base64(one.spki));
  if (staleSeconds !== undefined) input.staleSeconds = staleSeconds;
  return { name, kind: "statement", requirements, about, input, expected };
}

/** Unsigned, with tags replaced. */
export function tags(
  name: string,
  requirements: readonly string[],
  about: string,
  values: Readonly<Record<string, string | null>>,
  expected: Readonly<Record<string, unknown>>,
  asked: Asked = {},
): Case {
  return judged(name, requirements, about, statement(asked.key ?? ALLICE, { tags: values }), expected, asked);
}
