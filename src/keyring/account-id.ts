import { randomBytes } from "node:crypto";

/** Begins with the time, so that accounts made one after another stand together in the indexes of a large store. */
export function newAccountId(nowMs: number): string {
  return nowMs.toString(16).padStart(12, "0") + randomBytes(6).toString("hex");
}

/** Has it the form of an account's id? A domain may look like one. */
export function isAccountId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}
