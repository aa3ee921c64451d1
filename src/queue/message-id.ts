import { randomBytes } from "node:crypto";
import type { MessageId } from "./queue-store.ts";

/** Letters that cannot be taken for one another (Crockford's base 32). */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * @param now Unix milliseconds: ids sort by it, which keeps the store's index in order of arrival
 */
export function newMessageId(now: number): MessageId {
  let time = "";
  for (let rest = now, i = 0; i < 9; i++, rest = Math.floor(rest / 32))
    time = DIGITS.charAt(rest % 32) + time;
  let random = "";
  for (const octet of randomBytes(7)) random += DIGITS.charAt(octet & 31);
  return time + random;
}
