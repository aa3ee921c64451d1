import type { AccountRecord } from "../../keyring/index.ts";

interface MadeAccount {
  readonly account: AccountRecord;
  readonly kid: string;
  /** Null unless it was made here and is shown only now. */
  readonly password: string | null;
}

/** What programs are told of an account that was made. */
export const madeFields = {
  address: "its primary address",
  id: "names the account in logs; never given to another",
  kid: "the id of its first key",
  password: "if it was made here: it is shown only now; else null",
} as const;

export function madeObject({
  account,
  kid,
  password,
}: MadeAccount): Record<keyof typeof madeFields, unknown> {
  return { address: account.primaryAddress, id: account.id, kid, password };
}

export function madeText(title: string, { kid, password }: MadeAccount): string {
  const lines = [title, `key       ${kid}`];
  if (password !== null) lines.push(`password  ${password}   (shown only now)`);
  return lines.join("\n");
}
