import type { AuthenticationResult } from "../message/index.ts";
import type { Verdict } from "../signature/index.ts";

/** The verdict as RFC 8601 records it (REC-1). */
export function authenticationResult(verdict: Verdict): AuthenticationResult {
  const { identity, kid, align, rcpt, trust } = verdict;
  const named: [string, string | null][] = [
    ["header.i", identity],
    ["header.k", kid],
    ["policy.align", align],
    ["policy.rcpt", rcpt],
    ["policy.trust", trust],
  ];
  return {
    method: "vsmtp",
    result: verdict.result,
    reason: verdict.result === "none" ? null : verdict.reason,
    properties: named.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  };
}
