/**
 * RFC 5322 §3.3 date-time in UTC; `toUTCString` differs in the zone only, whose name is obsolete syntax.
 *
 * @param time Unix milliseconds
 */
export function formatMailDate(time: number): string {
  return new Date(time).toUTCString().replace(/GMT$/, "+0000");
}
