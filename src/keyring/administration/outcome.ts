import type { Refusal, StoreOutcome } from "../keyring-store.ts";

/** Why an administrative act was not done; `detail` is one sentence for the administrator. */
export interface Failure {
  readonly ok: false;
  /**
   * Besides what the store refuses: `syntax` of an address or name, `password` that cannot be one,
   * `wrong-password`, and `password-needed` to open the account's key lock.
   */
  readonly problem: Refusal | "syntax" | "password" | "wrong-password" | "password-needed";
  readonly detail: string;
}

/** What an administrative act came to. */
export type Outcome<T extends object = object> = ({ readonly ok: true } & T) | Failure;

const DETAIL: Record<Refusal, (subject: string) => string> = {
  exists: (subject) => `${subject} is there already`,
  "address-taken": (subject) => `${subject} has an address that belongs to an account already`,
  "key-taken": () => "the key store holds this public key already",
  "not-hosted": (subject) => `${subject}: its domain is not hosted here; add the domain first`,
  "no-account": (subject) => `${subject}: there is no such account`,
  "no-address": (subject) => `${subject}: no account has this address`,
  "no-key": (subject) => `${subject}: there is no such key`,
  "no-credential": (subject) => `${subject}: there is no such app password`,
  "no-enrolment": (subject) => `${subject}: there is no such enrolment`,
  suspended: (subject) => `${subject} is suspended; resume it first`,
  "not-suspended": (subject) => `${subject} is not suspended`,
  removed: (subject) => `${subject} was removed; make a new account instead`,
  revoked: (subject) => `${subject} is revoked already`,
  relocked: (subject) => `the password of ${subject} was changed at the same moment; try again`,
  primary: (subject) => `${subject} is the primary address of its account and stays`,
  "in-use": (subject) => `${subject} has accounts with addresses in it; remove or reassign them first`,
  "too-many": (subject) => `${subject}: a key statement has room for 32 grants; grant @domain instead`,
};

export const badPassword: Failure = {
  ok: false,
  problem: "password",
  detail: "a password has 1 to 1024 octets and no control characters",
};

export function badPasswordHash(address: string): Failure {
  const detail = `${address}: its password hash is not argon2id in PHC form ($argon2id$v=19$m=…,t=…,p=…$…$…), within bounds`;
  return { ok: false, problem: "password", detail };
}

export const wrongPassword: Failure = {
  ok: false,
  problem: "wrong-password",
  detail: "this is not the account's password",
};

export function result<T extends object>(outcome: StoreOutcome, subject: string, value: T): Outcome<T> {
  if (outcome === "done") return { ok: true, ...value };
  return refusal(outcome, subject);
}

export function refusal(problem: Refusal, subject: string): Failure {
  return { ok: false, problem, detail: DETAIL[problem](subject) };
}
