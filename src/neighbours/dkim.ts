import type { AuthenticationResult } from "../message/index.ts";
import type { SignatureResult } from "./mailauth.ts";
import type { NeighbourResult, NeighbourResults } from "./neighbour-results.ts";
import { provenDomain, recordable, recordableReason, resultOf } from "./result-words.ts";
import type { Signatures } from "./signatures.ts";

export interface DkimOutcome {
  readonly found: NeighbourResults["dkim"];
  readonly recorded: readonly AuthenticationResult[];
}

/** Of each signature, top to bottom (RFC 8601 §2.7.1). */
export function dkimOutcome({ dkim, skipped, ambiguous }: Signatures): DkimOutcome {
  if (dkim.length === 0) {
    const result = skipped.dkim === null ? "none" : "policy";
    return { found: [], recorded: [{ method: "dkim", result, reason: skipped.dkim, properties: [] }] };
  }
  const judged = dkim.map((signature) => {
    const domain = provenDomain(signature.signingDomain);
    return { signature, domain, ...judge(signature, domain, ambiguous) };
  });
  return {
    found: judged.flatMap(({ signature: { selector = "" }, domain, result }) =>
      domain === null ? [] : [{ result, domain, selector }],
    ),
    recorded: judged.map(({ signature, domain, result, reason }) => ({
      method: "dkim",
      result,
      reason: result === "pass" || reason === null ? null : recordableReason(reason),
      properties: recordable([
        ["header.d", domain],
        ["header.s", signature.selector],
        ["header.a", signature.algo],
        ["header.b", signature.signature?.slice(0, 8)], // RFC 6008
      ]),
    })),
  };
}

function judge(
  { status }: SignatureResult,
  domain: string | null,
  ambiguous: string | null,
): { result: NeighbourResult; reason: string | null } {
  if (domain === null) return { result: "neutral", reason: "d= is no domain in A-labels" };
  const result = resultOf(status.result);
  const reason = status.policy?.["dkim-rules"] ?? status.comment ?? null;
  if (reason === "rsa-sha1") return { result: "policy", reason };
  // Anybody can add to such a message: what he adds is what people would see.
  if (result === "pass" && (status.underSized ?? 0) > 0) {
    return { result: "policy", reason: "the signature covers a part of the body only" };
  }
  if (result === "pass" && ambiguous !== null) return { result: "policy", reason: ambiguous };
  return { result, reason };
}
