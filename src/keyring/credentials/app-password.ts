import { randomBytes } from "node:crypto";

/** RFC 4648 §6, lower case. */
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const ID_DIGITS = 8;
/** 100 bits: out of reach of guessing, even with the hash at hand. */
const SECRET_DIGITS = 20;
const FORM = new RegExp(`^[a-z2-7]{${ID_DIGITS + SECRET_DIGITS}}$`);

/** A generated password of one program or device (PRV-6). Its first digits name it, so that one hash is tried only. */
export interface AppPassword {
  readonly id: string;
  /** Id and secret, without the hyphens: what is hashed. */
  readonly password: string;
}

export function generateAppPassword(): AppPassword {
  // 256 is a multiple of 32: every digit is as likely as another.
  const digits = [...randomBytes(ID_DIGITS + SECRET_DIGITS)].map((octet) => BASE32[octet % 32]).join("");
  return { id: digits.slice(0, ID_DIGITS), password: digits };
}

/** As people see it: `abcd-efgh-…`, seven groups of four. */
export function formatAppPassword({ password }: AppPassword): string {
  return (password.match(/.{4}/g) as string[]).join("-");
}

/** What somebody typed, hyphens and spaces or not, in capitals or not; null when it has not the form. */
export function parseAppPassword(typed: string): AppPassword | null {
  if (typed.length > 64) return null;
  const password = typed.replaceAll(/[- ]/g, "").toLowerCase();
  return FORM.test(password) ? { id: password.slice(0, ID_DIGITS), password } : null;
}
