// V10, selection and alignment: one message by what its From and Sender say.
import { ALLICE, type TestKey } from "../reference/keys.ts";
import { signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { mail, verifyCase } from "../verify-case.ts";

export type Fields = Readonly<Record<string, string | null>>;

export function of(
  name: string,
  requirements: readonly string[],
  about: string,
  fields: Fields,
  expected: Readonly<Record<string, unknown>>,
  { key = ALLICE, og }: { key?: TestKey; og?: readonly string[] } = {},
): Case {
  const line = statement(key, og ? { tags: { og: og.join(":") } } : {});
  const message = signed(mail(fields), { key });
  return verifyCase({ name, requirements, about, message, statements: [line], expected });
}

export const byAllice: Fields = { From: "Boss <boss@someisp.tld>", Sender: "Allice <allice@someisp.tld>" };
