import type { PolicyRecordAnswer } from "./policy-source.ts";

/** What is remembered of a domain. Times are Unix seconds. */
export interface KeptPolicyRecord {
  readonly domain: string;
  /** The record as it stood; null: nothing but its epoch is held. */
  readonly text: string | null;
  /** Validated by DNSSEC. */
  readonly authenticated: boolean;
  /** On how many days it was seen that the domain has a record, and when the last of them began. */
  readonly days: number;
  readonly dayBegan: number;
  /** Until when the record serves that is not there any more. */
  readonly until: number;
  /** Until when it is known that there was one, unless somebody says otherwise. */
  readonly keptUntil: number;
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
const CLOCK_SKEW_S = 300;

/**
 * What is to be remembered once a domain has shown this record; null: nothing (POL-23).
 *
 * Who can forge the DNS for a moment must not gain a year. So what DNSSEC does not vouch for is held for an hour, and for
 * n days once it has been seen on n days with no word against it; and an epoch in the future, which would void every
 * statement, is not held at all.
 */
export function learn(
  domain: string,
  { record, text, authenticated }: PolicyRecordAnswer & { kind: "record" },
  before: KeptPolicyRecord | null,
  now: number,
): KeptPolicyRecord | null {
  const { rememberSeconds } = record;
  const isNextDay = before === null || now >= before.dayBegan + NEXT_DAY_S;
  const days = (before?.days ?? 0) + (isNextDay ? 1 : 0);
  const dayBegan = isNextDay ? now : before.dayBegan;
  const longest = authenticated ? rememberSeconds : days > 1 ? days * DAY_S : HOUR_S;
  const until = now + Math.min(rememberSeconds, longest);
  const isHeld = rememberSeconds > 0 && text.length <= MAX_TEXT;
  const epoch = heldEpoch(Math.min(record.epoch, now + CLOCK_SKEW_S), isHeld ? until : 0, before, now);
  if (!isHeld && epoch.epoch === 0) return null;
  const held = isHeld
    ? { text, days, dayBegan, until, keptUntil: now + rememberSeconds }
    : { text: null, days: 0, dayBegan: 0, until: 0, keptUntil: 0 };
  return { domain, authenticated, ...held, ...epoch };
}

/** The higher one counts, each for its own time; of the same the longer time. */
function heldEpoch(shown: number, until: number, before: KeptPolicyRecord | null, now: number) {
  const floor = before === null ? 0 : epochFloor(before, now);
  const floorUntil = floor === 0 ? 0 : (before?.epochUntil ?? 0);
  if (shown < floor || until === 0) return { epoch: floor, epochUntil: floorUntil };
  return { epoch: shown, epochUntil: shown === floor ? Math.max(until, floorUntil) : until };
}

/** The epoch below which none of the domain's may go now. */
export function epochFloor(kept: Pick<KeptPolicyRecord, "epoch" | "epochUntil">, now: number): number {
  return kept.epochUntil > now ? kept.epoch : 0;
}

/** Anything is worth to be known still. */
export function isAlive(kept: KeptPolicyRecord, now: number): boolean {
  return kept.until > now || kept.keptUntil > now || epochFloor(kept, now) > 0;
}

/** Worth to be kept in place of what is held: not merely seen again a moment later. */
export function isNews(before: KeptPolicyRecord | null, kept: KeptPolicyRecord, now: number): boolean {
  if (before === null || before.text !== kept.text || before.authenticated !== kept.authenticated)
    return true;
  if (before.epoch !== kept.epoch || before.days !== kept.days || kept.until < before.until) return true;
  const gained = Math.max(kept.until - before.until, kept.epochUntil - before.epochUntil);
  return gained >= Math.max(HOUR_S, (kept.until - now) / 16);
}

/** Is this, from a file, what was kept? */
export function isKeptPolicyRecord(value: unknown): value is KeptPolicyRecord {
  const { domain, text, authenticated, days, dayBegan, until, keptUntil, epoch, epochUntil } = (value ??
    {}) as Partial<KeptPolicyRecord>;
  return (
    typeof domain === "string" &&
    (text === null || (typeof text === "string" && text.length <= MAX_TEXT)) &&
    typeof authenticated === "boolean" &&
    [days, dayBegan, until, keptUntil, epoch, epochUntil].every((number) => Number.isSafeInteger(number))
  );
}
