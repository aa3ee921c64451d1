import type { PolicyRecordAnswer } from "./policy-source.ts";

/** A record that was seen. Times are Unix seconds. */
export interface SeenRecord {
  /** As it stood. */
  readonly text: string;
  /** Validated by DNSSEC. */
  readonly authenticated: boolean;
  /** On how many days it was seen, and when the last of them began. */
  readonly days: number;
  readonly dayBegan: number;
  /** Until when it serves though it is not there any more. */
  readonly until: number;
  /** Until when it is known that it was there, unless somebody says otherwise. */
  readonly keptUntil: number;
}

/** What is remembered of a domain. */
export interface KeptPolicyRecord {
  readonly domain: string;
  /** The one that was seen last; null: nothing but the epoch is held. */
  readonly last: SeenRecord | null;
  /** The one before, until the last is confirmed. */
  readonly before: SeenRecord | null;
  /** Statements issued earlier do not count before `epochUntil`, whatever later records say. */
  readonly epoch: number;
  readonly epochUntil: number;
}

const HOUR_S = 3600;
const DAY_S = 86_400;
/** Mail that comes at about the same time each day comes on different days. */
const NEXT_DAY_S = 20 * HOUR_S;
/** Longer ones are used, and not remembered. */
const MAX_TEXT = 1024;
export const CLOCK_SKEW_S = 300;

type Shown = PolicyRecordAnswer & { kind: "record" };

/**
 * What is to be remembered once a domain has shown this record; null: nothing (POL-23).
 *
 * Who can forge the DNS for a moment must not gain a year. So what DNSSEC does not vouch for is held for an hour, and for
 * n days once it has been seen on n days; and until it was seen on a second day the one before stays remembered behind
 * it. An epoch in the future, which would void every statement, is not held at all.
 */
export function learn(
  domain: string,
  shown: Shown,
  kept: KeptPolicyRecord | null,
  now: number,
): KeptPolicyRecord | null {
  const others = [kept?.last ?? null, kept?.before ?? null];
  const known = others.find((seen) => seen?.text === shown.text) ?? null;
  const last = seenAgain(shown, known, now);
  const isConfirmed = last.authenticated || last.days > 1;
  const before = isConfirmed ? null : longestHeld(others, shown.text, now);
  const held = last.until > now ? last.until : 0;
  const epoch = heldEpoch(Math.min(shown.record.epoch, now + CLOCK_SKEW_S), held, kept, now);
  const isKept = last.text.length <= MAX_TEXT && (held > 0 || before !== null);
  if (!isKept && before === null && epoch.epoch === 0) return null;
  return { domain, last: isKept ? last : null, before, ...epoch };
}

function seenAgain(
  { record, text, authenticated }: Shown,
  known: SeenRecord | null,
  now: number,
): SeenRecord {
  const { rememberSeconds } = record;
  const isNextDay = known === null || now >= known.dayBegan + NEXT_DAY_S;
  const days = (known?.days ?? 0) + (isNextDay ? 1 : 0);
  const longest = authenticated ? rememberSeconds : days > 1 ? days * DAY_S : HOUR_S;
  return {
    text,
    authenticated,
    days,
    dayBegan: isNextDay ? now : known.dayBegan,
    until: text.length <= MAX_TEXT ? now + Math.min(rememberSeconds, longest) : now,
    keptUntil: now + rememberSeconds,
  };
}

/** Of those that are in force still and say something else. */
function longestHeld(seen: readonly (SeenRecord | null)[], text: string, now: number): SeenRecord | null {
  let longest: SeenRecord | null = null;
  for (const one of seen) {
    if (one !== null && one.text !== text && one.until > Math.max(now, longest?.until ?? 0)) longest = one;
  }
  return longest;
}

/** The higher one counts, each for its own time; of the same the longer time. */
function heldEpoch(shown: number, until: number, kept: KeptPolicyRecord | null, now: number) {
  const floor = kept === null ? 0 : epochFloor(kept, now);
  const floorUntil = floor === 0 ? 0 : (kept?.epochUntil ?? 0);
  if (shown < floor || until === 0) return { epoch: floor, epochUntil: floorUntil };
  return { epoch: shown, epochUntil: shown === floor ? Math.max(until, floorUntil) : until };
}

/** The epoch below which none of the domain's may go now. */
export function epochFloor(kept: Pick<KeptPolicyRecord, "epoch" | "epochUntil">, now: number): number {
  return kept.epochUntil > now ? kept.epoch : 0;
}

/** The record that serves now in place of one that is not there; null: none does. */
export function inForce({ last, before }: KeptPolicyRecord, now: number): SeenRecord | null {
  return [last, before].find((seen) => seen !== null && seen.until > now) ?? null;
}

/** What is left once somebody says that there is no record, and none is in force. */
export function withoutRecords(kept: KeptPolicyRecord, now: number): KeptPolicyRecord | null {
  return epochFloor(kept, now) > 0 ? { ...kept, last: null, before: null } : null;
}

/** Anything is worth to be known still. */
export function isAlive(kept: KeptPolicyRecord, now: number): boolean {
  return inForce(kept, now) !== null || (kept.last?.keptUntil ?? 0) > now || epochFloor(kept, now) > 0;
}

/** Worth to be kept in place of what is held: not merely seen again a moment later. */
export function isNews(before: KeptPolicyRecord | null, kept: KeptPolicyRecord, now: number): boolean {
  if (before === null || before.epoch !== kept.epoch || before.before?.text !== kept.before?.text)
    return true;
  const [old, fresh] = [before.last, kept.last];
  if (old?.text !== fresh?.text || old?.authenticated !== fresh?.authenticated || old?.days !== fresh?.days) {
    return true;
  }
  const [oldUntil, until] = [old?.until ?? 0, fresh?.until ?? 0];
  const gained = Math.max(until - oldUntil, kept.epochUntil - before.epochUntil);
  return until < oldUntil || gained >= Math.max(HOUR_S, (until - now) / 16);
}

/** Is this, from a file, what was kept? */
export function isKeptPolicyRecord(value: unknown): value is KeptPolicyRecord {
  const { domain, last, before, epoch, epochUntil } = (value ?? {}) as Partial<KeptPolicyRecord>;
  return (
    typeof domain === "string" &&
    [last, before].every((seen) => seen === null || isSeenRecord(seen)) &&
    [epoch, epochUntil].every((number) => Number.isSafeInteger(number))
  );
}

function isSeenRecord(value: unknown): value is SeenRecord {
  const { text, authenticated, days, dayBegan, until, keptUntil } = (value ?? {}) as Partial<SeenRecord>;
  return (
    typeof text === "string" &&
    text.length <= MAX_TEXT &&
    typeof authenticated === "boolean" &&
    [days, dayBegan, until, keptUntil].every((number) => Number.isSafeInteger(number))
  );
}
