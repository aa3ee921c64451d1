import type { Result } from "./result.ts";

const line = /^(?:(\S+) said: )?(?:(\d{3}) )?([245]\.\d{1,3}\.\d{1,3}) (.*)$/su;

/**
 * What `describe` in result.ts wrote: the queue keeps what an attempt came to as one line, and reports that are made
 * without an attempt want its parts. Null for lines that say something else.
 */
export function parseResult(text: string): Result | null {
  const [, remote, code, enhanced, words] = line.exec(text) ?? [];
  if (enhanced === undefined || words === undefined) return null;
  return {
    kind: enhanced.startsWith("2") ? "delivered" : enhanced.startsWith("4") ? "deferred" : "failed",
    code: code === undefined ? null : Number(code),
    enhanced,
    text: words,
    remote: remote ?? null,
  };
}
