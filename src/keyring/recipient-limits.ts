import type { AccountRecord } from "./records.ts";

/** How many recipients an account may write to over all submission servers (LIF-14). */
export interface LimitSettings {
  /** Most recipients in any `periodMs`. */
  readonly recipients: number;
  readonly periodMs: number;
  /** The same while an account is new: whoever signs up to send spam must wait first. */
  readonly newAccountRecipients: number;
  readonly newAccountMs: number;
}

const HOUR_MS = 3_600_000;

export const DEFAULT_LIMITS: LimitSettings = {
  recipients: 2000,
  periodMs: 24 * HOUR_MS,
  newAccountRecipients: 200,
  newAccountMs: 7 * 24 * HOUR_MS,
};

/** What the settings allow an account of this age. @param now Unix milliseconds */
export function usualLimit(
  account: Pick<AccountRecord, "createdAt">,
  settings: LimitSettings,
  now: number,
): number {
  const isNew = now < account.createdAt * 1000 + settings.newAccountMs;
  return isNew ? Math.min(settings.newAccountRecipients, settings.recipients) : settings.recipients;
}

/** The account's own limit where it has one, whatever its age; else the usual one. */
export function recipientLimit(
  account: Pick<AccountRecord, "createdAt" | "recipientLimit">,
  settings: LimitSettings,
  now: number,
): number {
  return account.recipientLimit ?? usualLimit(account, settings, now);
}
