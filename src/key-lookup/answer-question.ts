import { judgeStatement } from "../key-protocol/index.ts";
import type { Fetched } from "./fetch-statement.ts";
import type { LookupPolicy } from "./lookup-policy.ts";
import type { Answered, LookupQuestion } from "./lookup-report.ts";

/** Holds what the servers say against one signature. */
export function answerTo(
  question: LookupQuestion,
  fetched: Fetched,
  policy: LookupPolicy,
  allowStaleSeconds = 0,
): Answered {
  if (fetched.kind === "temperror") {
    return { answer: { kind: "temperror", detail: fetched.detail }, statement: null };
  }
  if (fetched.kind !== "statement") {
    return { answer: { kind: "fail", reason: fetched.kind, detail: fetched.detail }, statement: null };
  }
  const { parsed, line, trust } = fetched;
  const { identity, kid, algorithm, signedAt, now } = question;
  const { statementKeys, epoch } = policy;
  const asked = { identity, kid, algorithm, signedAt, now, statementKeys, epoch, allowStaleSeconds };
  const judgement = judgeStatement(parsed, asked);
  switch (judgement.kind) {
    case "usable":
      return {
        answer: { kind: "key", spki: judgement.spki, grants: judgement.grants, trust },
        statement: line,
      };
    case "fail":
      return { answer: judgement, statement: line };
    case "target-failed":
      return { answer: { kind: "temperror", detail: judgement.detail }, statement: line };
  }
}
