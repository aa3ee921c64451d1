import { judgeStaple } from "../key-protocol/index.ts";
import type { LookupPolicy } from "./lookup-policy.ts";
import type { Answered, LookupQuestion } from "./lookup-report.ts";
import { isSufficient } from "./prove-server.ts";
import type { Trail } from "./trail.ts";

/**
 * The answer of a statement that came with the message (STP-2), or null: then the key is looked up. Nothing is remembered
 * from it, and it touches no budget: a message cannot change what others are answered (STP-7).
 */
export function stapledAnswer(question: LookupQuestion, policy: LookupPolicy, trail: Trail): Answered | null {
  const { staple } = question;
  if (staple === undefined) return null;
  const judgement = judgeStaple(staple, { ...question, ...policy });
  // STP-5: a dk out of plain DNS proves as much as a host name out of plain DNS does.
  const trust = policy.statementKeysAuthenticated ? "domain" : "host";
  const usable = judgement.kind === "usable" && isSufficient(trust, policy.requiredTrust);
  const line = staple.text;
  const detail = judgement.kind === "usable" ? "it is trusted as a host only" : judgement.detail;
  const outcome = usable ? "usable" : detail;
  const signed = judgement.kind === "usable";
  trail({ kind: "staple", line, outcome, signed, trust: usable ? trust : null });
  if (!usable) return null;
  const { spki, grants } = judgement;
  return { answer: { kind: "key", spki, grants, trust, stapled: true }, statement: line };
}
