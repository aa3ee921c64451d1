import { randomFillSync } from "node:crypto";
import type { MessageId } from "./queued-message.ts";

/** Letters that cannot be taken for one another (Crockford's base 32). */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 9;
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
  let random = "";
  for (let i = 0; i < RANDOM_DIGITS; i++) random += DIGITS.charAt((pool[drawn++] as number) & 31);
  return timeDigits(now) + random;
}

/** All ids of this millisecond and later ones sort after it, and all earlier ones before. */
export function firstMessageIdAt(now: number): MessageId {
  return timeDigits(now);
}

/** Unix milliseconds when an id was made; null for what is none. */
export function messageIdTime(id: MessageId): number | null {
  if (id.length !== TIME_DIGITS + RANDOM_DIGITS) return null;
  let time = 0;
  for (let i = 0; i < TIME_DIGITS; i++) {
    const digit = DIGITS.indexOf(id.charAt(i));
    if (digit < 0) return null;
    time = time * 32 + digit;
  }
  return time;
}

function timeDigits(now: number): string {
  let digits = "";
  for (let rest = now, i = 0; i < TIME_DIGITS; i++, rest = Math.floor(rest / 32))
    digits = DIGITS.charAt(rest % 32) + digits;
  return digits;
}
