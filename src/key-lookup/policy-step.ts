import type { PolicyRecordAnswer } from "../dns/index.ts";
import type { PolicyStep } from "./trail.ts";

/** What was found of a domain's policy record, for the trail. */
export function policyStep(domain: string, found: PolicyRecordAnswer): PolicyStep {
  if (found.kind !== "record") {
    const detail = found.kind === "failure" ? found.detail : found.problem;
    const nothing = { text: null, authenticated: false, ttlSeconds: null, rememberedUntil: null };
    return { kind: "policy", domain, found: found.kind, detail, ...nothing };
  }
  const { text, authenticated, ttlSeconds, remembered } = found;
  return {
    kind: "policy",
    domain,
    found: "record",
    text,
    authenticated,
    detail: remembered === undefined ? null : remembered.detail,
    ttlSeconds: remembered === undefined ? ttlSeconds : null,
    rememberedUntil: remembered?.until ?? null,
  };
}
