import { MAX_LIFETIME_S } from "../signature/index.ts";

// The times that statements show of keys. Decoys show the same, or they would be told from real keys (KEY-34).

/** A retired key must outlive every signature it made: the longest x−t (SIG-13, LIF-8), in seconds. */
export const RETIREMENT_S = MAX_LIFETIME_S;

const DAY_S = 86_400;
/** An active key has no end (decision 0041): statements promise it for these days ahead of theirs. */
const PROMISED_DAYS = 30;

/** A day more than a signature may be old, since days are shown whole: no signature that still holds is older. */
const SHOWN_DAYS = MAX_LIFETIME_S / DAY_S + 1;

/**
 * `nb` of a key in a statement that is issued now: when it was made, but no longer ago than matters to any signature
 * (KEY-40). Else the accounts of a provider that made them all in one night could be told from decoys for ever. Unix
 * seconds.
 */
export function shownBegin(notBefore: number, notAfter: number, now: number): number {
  const longAgo = (Math.floor(now / DAY_S) - SHOWN_DAYS) * DAY_S;
  return Math.max(notBefore, Math.min(longAgo, notAfter));
}

/** `na` of an active key in a statement that is issued now. Unix seconds. */
export function activeKeyEnd(now: number): number {
  return (Math.floor(now / DAY_S) + PROMISED_DAYS) * DAY_S;
}
