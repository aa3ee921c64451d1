/** What programs are told when keys are replaced: of each account, or of many at once. */
export const replacedFields = {
  address: "the account's primary address; null: many accounts",
  kid: "the id of the new key; null: many accounts",
  replaced: "how many accounts have a new key",
} as const;

type Replaced = Record<keyof typeof replacedFields, unknown>;

export function replacedOne(address: string, kid: string): Replaced {
  return { address, kid, replaced: 1 };
}

export function replacedMany(replaced: number): Replaced {
  return { address: null, kid: null, replaced };
}
