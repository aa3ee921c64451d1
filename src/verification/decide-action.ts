import type { Action, Actions, Stage } from "../config/index.ts";
import type { DomainPolicy } from "../dns/index.ts";
import type { Reason, Result } from "../signature/index.ts";
import { REASON_TEXT } from "./reason-text.ts";

/** What the action depends on beside the verdict. */
export interface ActionContext {
  readonly stage: Stage;
  /** The strictest `p` that applies to the From domains; `none` where there is none or it is only tested (POL-5). */
  readonly policy: DomainPolicy;
  /** The operator's overrides, most specific first: the recipient domain's, then the global ones (ACT-8). */
  readonly overrides: readonly Actions[];
}

/** What to do with a message, and what decided it. */
export interface Decision {
  readonly action: Action;
  /** `stage`: the table; `policy`: the From domain's `p`; `override`: the operator's setting. */
  readonly decidedBy: "stage" | "policy" | "override";
  /** Which rule: the domain whose policy it is, the operator's setting; null for the stage's table. */
  readonly because: string | null;
  /** The answer to DATA for `reject` and `defer`; null where the message is accepted. */
  readonly reply: { readonly code: number; readonly enhanced: string; readonly text: string } | null;
}

type Judged = { readonly result: Result; readonly reason: Reason | null };
/** The rows of ACT-4. */
type Row = "pass" | "neutral" | "none" | "damage" | "refusal" | "permerror" | "temperror";
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

/** The enhanced code of a rejection (ACT-4); a rejection for the From domain's policy is 5.7.1 (ACT-5). */
const REJECTION: Record<Row, string> = {
  pass: "5.7.1",
  neutral: "5.7.1",
  none: "5.7.1",
  damage: "5.7.7",
  refusal: "5.7.5",
  permerror: "5.6.0",
  temperror: "5.7.5",
};

/** From verdict and context to the action (ACT-1 to ACT-5, ACT-8); pure. */
export function decideAction(verdict: Judged, context: ActionContext): Decision {
  const row = rowOf(verdict);
  const { action, decidedBy } = choose(row, verdict, context);
  const byPolicy = decidedBy === "policy";
  return { action, decidedBy, because: null, reply: replyFor(action, row, verdict, byPolicy) };
}

function choose(row: Row, verdict: Judged, context: ActionContext): Pick<Decision, "action" | "decidedBy"> {
  for (const actions of context.overrides) {
    const action = (verdict.reason && actions[verdict.reason]) ?? actions[verdict.result];
    if (action !== undefined) return { action, decidedBy: "override" };
  }
  const cell = TABLE[row][context.stage];
  if (cell !== "policy-or-deliver" && cell !== "policy-or-tag") return { action: cell, decidedBy: "stage" };
  if (context.policy !== "none") return { action: context.policy, decidedBy: "policy" };
  return { action: cell === "policy-or-deliver" ? "deliver" : "tag", decidedBy: "stage" };
}

function rowOf({ result, reason }: Judged): Row {
  if (result !== "fail") return result;
  return reason === "body" || reason === "signature" ? "damage" : "refusal";
}

function replyFor(action: Action, row: Row, verdict: Judged, byPolicy: boolean): Decision["reply"] {
  if (action !== "reject" && action !== "defer") return null;
  const reason = verdict.reason ?? "pass"; // only a pass has none
  // The reason is for programs (ACT-3), the sentence for the sender; why in detail stands in our log only.
  const sentence = byPolicy ? "the From domain wants such mail refused" : REASON_TEXT[reason];
  const text = `VSMTP/${reason} ${sentence}`;
  if (action === "reject") return { code: 550, enhanced: byPolicy ? "5.7.1" : REJECTION[row], text };
  return { code: 451, enhanced: row === "temperror" ? "4.4.3" : "4.7.1", text };
}
