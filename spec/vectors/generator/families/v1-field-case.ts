// V1, tag grammar: one field before the usual message.
import { type SignatureOptions, signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { mail, verifyCase } from "../verify-case.ts";

/** A field made in some odd way. */
export function grammar(
  name: string,
  requirements: readonly string[],
  about: string,
  options: SignatureOptions,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return verifyCase({ name, requirements, about, message: signed(mail(), options), expected });
}

/** A field of which some tags have other values, or are missing (null). */
export function tags(
  name: string,
  requirements: readonly string[],
  about: string,
  values: Readonly<Record<string, string | null>>,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return verifyCase({ name, requirements, about, message: signed(mail(), { tags: values }), expected });
}
