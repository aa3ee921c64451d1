import type { Action, Stage } from "../config/index.ts";
import type { Verdict } from "../signature/index.ts";
import type { ActionContext, Choice, Rules } from "./decision.ts";

/** The rows of ACT-4. */
export type Row = "pass" | "neutral" | "none" | "damage" | "refusal" | "permerror" | "temperror";
type Cell = Action | "policy-or-deliver" | "policy-or-tag";

const TABLE: Record<Row, Record<Stage, Cell>> = {
  pass: { observe: "deliver", enforce: "deliver", require: "deliver" },
  neutral: { observe: "tag", enforce: "policy-or-deliver", require: "policy-or-tag" },
  none: { observe: "tag", enforce: "policy-or-deliver", require: "reject" },
  damage: { observe: "tag", enforce: "policy-or-tag", require: "reject" },
  refusal: { observe: "tag", enforce: "reject", require: "reject" },
  permerror: { observe: "tag", enforce: "reject", require: "reject" },
  temperror: { observe: "tag", enforce: "defer", require: "defer" },
};

type Judged = Pick<Verdict, "result" | "reason">;

/** VER-11: damage counts as unsigned mail, the other failures as refusals by the identity's provider. */
export function rowOf({ result, reason }: Judged): Row {
  if (result !== "fail") return result;
  return reason === "body" || reason === "signature" ? "damage" : "refusal";
}

/** By the most specific setting, else by the stage's table and the From domain's policy (ACT-4, ACT-5, ACT-8). */
export function byRules(
  row: Row,
  verdict: Judged,
  { stage, stageSetBy, overrides }: Rules,
  { policy, dmarc }: Pick<ActionContext, "policy" | "dmarc">,
): Choice {
  for (const { name, actions } of overrides) {
    for (const outcome of [verdict.reason, verdict.result]) {
      const action = outcome === null ? undefined : actions[outcome];
      if (action === undefined) continue;
      return { action, decidedBy: "override", because: `${name}.${outcome}`, stage };
    }
  }
  const cell = TABLE[row][stage];
  if (cell !== "policy-or-deliver" && cell !== "policy-or-tag") {
    return { action: cell, decidedBy: "stage", because: stageSetBy, stage };
  }
  const otherwise = cell === "policy-or-deliver" ? "deliver" : "tag";
  if (policy.wanted === "none") return { action: otherwise, decidedBy: "stage", because: stageSetBy, stage };
  // Who signed it may not write for the From domain, where the result is neutral: its DMARC does not change that.
  if (dmarc !== null && row !== "neutral") {
    return { action: otherwise, decidedBy: "dmarc", because: dmarc, stage };
  }
  return { action: policy.wanted, decidedBy: "policy", because: policy.domain, stage };
}
