import type { QuarantineNote } from "./queued-message.ts";

/** Only this host may write it: arriving fields of that name are deleted. */
export const RELEASE_FIELD = "X-VSMTP-Quarantine";

/**
 * What tells the reader of a released message where it was, above everything else:
 * `X-VSMTP-Quarantine: released 2026-11-26T04:20Z; kept since 2026-11-25T22:08Z; VSMTP/body; by policy`.
 *
 * @param keptSince Unix milliseconds, like `now`
 */
export function releaseField(
  { result, reason, decidedBy }: QuarantineNote,
  keptSince: number,
  now: number,
): Buffer {
  const parts = [
    `released ${isoMinute(now)}`,
    `kept since ${isoMinute(keptSince)}`,
    `VSMTP/${word(reason ?? result)}`,
    `by ${word(decidedBy)}`,
  ];
  return Buffer.from(`${RELEASE_FIELD}: ${parts.join(";\r\n ")}\r\n`);
}

function isoMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** Nothing that was read from a message gets into a header from here. */
function word(text: string): string {
  return text.replace(/[^a-z-]/gi, "").slice(0, 40);
}
