import { randomFillSync } from "node:crypto";
import type { MessageId } from "./queue-store.ts";

/** Letters that cannot be taken for one another (Crockford's base 32). */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_DIGITS = 7;

const pool = Buffer.alloc(512 * RANDOM_DIGITS);
let drawn = pool.length;

/**
 * @param now Unix milliseconds: ids sort by it, which keeps the store's index in order of arrival
 */
export function newMessageId(now: number): MessageId {
  // Drawn from the system for many ids at a time: a call for each costs a tenth of what a submission does.
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  let time = "";
  for (let rest = now, i = 0; i < 9; i++, rest = Math.floor(rest / 32))
    time = DIGITS.charAt(rest % 32) + time;
  let random = "";
  for (let i = 0; i < RANDOM_DIGITS; i++) random += DIGITS.charAt((pool[drawn++] as number) & 31);
  return time + random;
}
