import type { StoreOutcome } from "./keyring-store.ts";

/** What an administrative act came to; `detail` is one sentence for the administrator. */
export type Outcome<T extends object = object> =
  | ({ readonly ok: true } & T)
  | {
      readonly ok: false;
      readonly problem: Exclude<StoreOutcome, "done"> | "syntax" | "password";
      readonly detail: string;
    };

const DETAIL: Record<Exclude<StoreOutcome, "done">, (subject: string) => string> = {
  exists: (subject) => `${subject} is there already`,
  "address-taken": (subject) => `${subject} has an address that belongs to an account already`,
  "key-taken": () => "the key store holds this public key already",
  "not-hosted": (subject) => `${subject}: its domain is not hosted here; add the domain first`,
  "no-account": (subject) => `${subject}: there is no such account`,
  "no-address": (subject) => `${subject}: no account has this address`,
  suspended: (subject) => `${subject} is suspended; resume it first`,
  "not-suspended": (subject) => `${subject} is not suspended`,
  primary: (subject) => `${subject} is the primary address of its account and stays`,
  "too-many": (subject) => `${subject}: a key statement has room for 32 grants; grant @domain instead`,
};

export const badPassword = {
  ok: false,
  problem: "password",
  detail: "a password has 1 to 1024 octets and no control characters",
} as const;

export function result<T extends object>(outcome: StoreOutcome, subject: string, value: T): Outcome<T> {
  if (outcome === "done") return { ok: true, ...value };
  return { ok: false, problem: outcome, detail: DETAIL[outcome](subject) };
}
