import { z } from "zod";
import type { NewAccountOptions } from "../../keyring/index.ts";

export type LoadLine =
  | { readonly ok: true; readonly account: NewAccountOptions }
  | { readonly ok: false; readonly detail: string };

const object = z.strictObject({
  address: z.string(),
  aliases: z.array(z.string()).optional(),
  password: z.string().optional(),
  password_hash: z.string().optional(),
  key_lock: z.boolean().optional(),
});

/** A line of `vsmtp account load`: commas between addresses, or a JSON object. Null for lines without an account. */
export function parseLoadLine(line: string): LoadLine | null {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return null;
  if (text.startsWith("{")) return parseObject(text);
  const [address = "", ...aliases] = text.split(",").map((part) => part.trim());
  return { ok: true, account: { address, aliases: aliases.filter((alias) => alias !== "") } };
}

function parseObject(text: string): LoadLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, detail: "it begins with { and is no JSON" };
  }
  const result = object.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    return { ok: false, detail: `${issue?.path.join(".") || "the object"}: ${issue?.message}` };
  }
  const { address, aliases, password, password_hash, key_lock } = result.data;
  return {
    ok: true,
    account: {
      address,
      ...(aliases ? { aliases } : {}),
      ...(password === undefined ? {} : { password }),
      ...(password_hash === undefined ? {} : { passwordHash: password_hash }),
      ...(key_lock === undefined ? {} : { keyLock: key_lock }),
    },
  };
}
