import type { ListedMessage } from "../../queue/index.ts";

const UNITS = [
  { ms: 86_400_000, name: "d" },
  { ms: 3_600_000, name: "h" },
  { ms: 60_000, name: "m" },
] as const;

/** `3d`, `4h`, `12m`, `5s`: for a column. */
export function shortDuration(ms: number): string {
  for (const { ms: unit, name } of UNITS) if (ms >= unit) return `${Math.floor(ms / unit)}${name}`;
  return `${Math.max(0, Math.floor(ms / 1000))}s`;
}

/** `in 4m`, `now`. */
export function untilText(at: number, now: number): string {
  return at <= now ? "now" : `in ${shortDuration(at - now)}`;
}

/** `312 B`, `2.1 KiB`, `48 MiB`. */
export function sizeText(octets: number): string {
  let value = octets;
  for (const unit of ["B", "KiB", "MiB"]) {
    if (value < 1024) return `${unit === "B" || value >= 10 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} GiB`;
}

/** An envelope sender as people write it. */
export function senderText(sender: string): string {
  return sender === "" ? "<>" : sender;
}

/** What keeps a message here, in a few words. @param now Unix milliseconds */
export function whyHere(
  { state, heldBecause, pendingOrder, dueAt, attempts, recipients }: ListedMessage,
  now: number,
): string {
  if (heldBecause !== null) return heldBecause;
  if (pendingOrder !== null && state === "leased") return `after this attempt: ${pendingOrder}`;
  if (pendingOrder === "bounce") return "goes back to its sender";
  if (state === "leased") return "delivery is at it";
  // A message that was never tried is due, unless nobody can be talked to there.
  if (attempts === 0 && dueAt !== null && dueAt > now) return "its destination rests: see vsmtp queue stats";
  return recipients.find(({ state: of, detail }) => of === "deferred" && detail !== null)?.detail ?? "";
}

/** `bob@dest.test`, `bob@dest.test +3`: of those who are left. */
export function recipientsText({ recipients }: ListedMessage): string {
  const left = recipients.filter(({ state }) => state === "pending" || state === "deferred");
  const [first] = left;
  if (first === undefined) return "–";
  return left.length === 1 ? first.address : `${first.address} +${left.length - 1}`;
}
