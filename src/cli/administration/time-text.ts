/** `2026-11-25`; a dash for a time that there is none of. */
export function isoDate(unixSeconds: number | null): string {
  return unixSeconds === null ? "–" : new Date(unixSeconds * 1000).toISOString().slice(0, 10);
}

/** `2026-11-25 22:08Z`. */
export function isoMinute(unixSeconds: number | null): string {
  if (unixSeconds === null) return "–";
  return `${new Date(unixSeconds * 1000).toISOString().slice(0, 16).replace("T", " ")}Z`;
}

/** `2026-11-25 22h`, of a time that is accurate to an hour. */
export function isoHour(unixSeconds: number): string {
  return `${new Date(unixSeconds * 1000).toISOString().slice(0, 13).replace("T", " ")}h`;
}
