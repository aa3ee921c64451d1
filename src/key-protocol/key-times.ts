import { MAX_LIFETIME_S } from "../signature/index.ts";

// The times that statements show of keys. Decoys show the same, or they would be told from real keys (KEY-34).

/** A retired key must outlive every signature it made: the longest x−t (SIG-13, LIF-8), in seconds. */
export const RETIREMENT_S = MAX_LIFETIME_S;

const DAY_S = 86_400;
/** An active key has no end (decision 0041): statements promise it for these days ahead of theirs. */
const PROMISED_DAYS = 30;

/** `na` of an active key in a statement that is issued now. Unix seconds. */
export function activeKeyEnd(now: number): number {
  return (Math.floor(now / DAY_S) + PROMISED_DAYS) * DAY_S;
}
