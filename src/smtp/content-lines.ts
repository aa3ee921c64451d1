import type { ContentFault } from "./server/handler.ts";

/** Octets of a text line without CRLF (MSG-4, RFC 5321 §4.5.3.1.6); a stuffed dot is not counted. */
export const lineOctets = 998;

/**
 * Judges a text behind its last good line: `lf`, `cr` and `nul` are the first LF, CR and NUL found there, or -1, and
 * do not make a CRLF. Returns the first fault and its place, or where the part begins that only the next octets
 * decide (a CR at the very end; else the end of the text).
 */
export function judgeTail(
  lf: number,
  cr: number,
  nul: number,
  length: number,
): { readonly fault: ContentFault | null; readonly at: number } {
  let fault: ContentFault | null = null;
  let at = length;
  if (cr !== -1 && (lf === -1 || cr < lf)) {
    at = cr;
    if (cr < length - 1) fault = "bare-cr";
  } else if (lf !== -1) {
    at = lf;
    fault = "bare-lf";
  }
  return nul !== -1 && nul < at ? { fault: "nul", at: nul } : { fault, at };
}
