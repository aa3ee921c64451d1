import type { Action } from "../config/index.ts";
import type { Verdict } from "../signature/index.ts";
import { byRules, type Row, rowOf } from "./action-table.ts";
import { answerTo } from "./answer.ts";
import type { ActionContext, Choice, Decision } from "./decision.ts";

type Judged = Pick<Verdict, "result" | "reason" | "rcpt">;

/** Of several answers; what is refused its sender learns, so nothing is stricter. */
const STRICTNESS: readonly Action[] = ["deliver", "tag", "quarantine", "defer", "discard", "reject"];

/**
 * From verdict and context to the action (ACT-1 to ACT-8); pure. The operator's settings come first, then the table of
 * ACT-4 with the From domain's policy; what is known of whoever brought it, of repeats and of bounces then changes
 * that, in this order.
 */
export function decideAction(verdict: Judged, context: ActionContext): Decision {
  const row = rowOf(verdict);
  const choices = context.rules.map((rules) => byRules(row, verdict, rules, context));
  const chosen = choices.reduce((a, b) => (stricter(b.action, a.action) ? b : a));
  const choice = [trusted, mismatched, repeated, forgedBounce].reduce(
    (before, step) => step(before, row, verdict, context) ?? before,
    chosen,
  );
  return { ...choice, reply: answerTo(choice, row, verdict) };
}

/** Says what else is done; null: nothing. */
type Step = (before: Choice, row: Row, verdict: Judged, context: ActionContext) => Choice | null;

/** ACT-6: lists and forwarders break signatures and bring mail of those who sign nothing. */
const trusted: Step = (before, row, _verdict, context) => {
  const excused = row === "neutral" || row === "none" || row === "damage";
  if (context.trusted === null || !excused || before.action === "deliver") return null;
  return { ...before, action: "deliver", decidedBy: "trusted", because: context.trusted };
};

/** VER-17, VER-18: whoever brought it answers for it instead of its author, and it is never refused for this alone. */
const mismatched: Step = (before, row, { rcpt }, context) => {
  if (rcpt !== "mismatch" || context.trusted !== null || (row !== "pass" && row !== "neutral")) return null;
  if (!stricter(context.mismatch, before.action)) return null;
  return { ...before, action: context.mismatch, decidedBy: "override", because: "policy.mismatch" };
};

const repeated: Step = (before, _row, _verdict, context) => {
  const { replays } = context;
  if (!context.repeated || replays === "accept") return null;
  const action = replays === "drop" ? "discard" : "tag";
  // What is refused or put off anyway has not been delivered by being here again.
  const accepted = before.action !== "reject" && before.action !== "defer";
  if (!accepted || !stricter(action, before.action)) return null;
  return { ...before, action, decidedBy: "replay", because: "policy.replays" };
};

const forgedBounce: Step = (before, _row, _verdict, context) => {
  if (!context.forgedBounce) return null;
  const action = before.stage === "observe" ? "tag" : "reject";
  if (!stricter(action, before.action)) return null;
  return { ...before, action, decidedBy: "bounce", because: "policy.forged_bounces" };
};

function stricter(a: Action, b: Action): boolean {
  return STRICTNESS.indexOf(a) > STRICTNESS.indexOf(b);
}
