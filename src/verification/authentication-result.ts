import type { AuthenticationResult } from "../message/index.ts";
import type { Verdict } from "../signature/index.ts";
import type { Decision } from "./decision.ts";

/**
 * The verdict as RFC 8601 records it (REC-1); with the decision also what overrode the stage and the From domain's
 * policy, for whoever reads the field (REC-4).
 */
export function authenticationResult(
  verdict: Verdict,
  decision?: Pick<Decision, "decidedBy" | "because">,
): AuthenticationResult {
  const { identity, kid, align, rcpt, trust } = verdict;
  const named: [string, string | null][] = [
    ["header.i", identity],
    ["header.k", kid],
    ["policy.align", align],
    ["policy.rcpt", rcpt],
    ["policy.trust", trust],
    ["policy.override", decision === undefined ? null : overrideOf(decision)],
  ];
  return {
    method: "vsmtp",
    result: verdict.result,
    reason: verdict.result === "none" ? null : verdict.reason,
    properties: named.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  };
}

function overrideOf({ decidedBy, because }: Pick<Decision, "decidedBy" | "because">): string | null {
  if (decidedBy === "trusted") return because;
  return decidedBy === "dmarc" ? "dmarc" : null;
}
