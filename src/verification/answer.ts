import type { Verdict } from "../signature/index.ts";
import type { Row } from "./action-table.ts";
import type { Answer, Choice } from "./decision.ts";
import { REASON_TEXT } from "./reason-text.ts";

/** The enhanced code of a rejection (ACT-4). */
const REJECTION: Record<Row, string> = {
  pass: "5.7.1",
  neutral: "5.7.1",
  none: "5.7.1",
  damage: "5.7.7",
  refusal: "5.7.5",
  permerror: "5.6.0",
  temperror: "5.7.5",
};

/** What the client is told; null where the message is accepted. */
export function answerTo(
  { action, decidedBy }: Choice,
  row: Row,
  verdict: Pick<Verdict, "reason">,
): Answer | null {
  if (action !== "reject" && action !== "defer") return null;
  const reason = verdict.reason ?? "pass"; // only a pass has none
  // The reason is for programs (ACT-3), the sentence for the sender; why in detail stands in our log only.
  const text = `VSMTP/${reason} ${sentence(decidedBy) ?? REASON_TEXT[reason]}`;
  if (action === "defer") return { code: 451, enhanced: row === "temperror" ? "4.4.3" : "4.7.1", text };
  // ACT-5: for the From domain's policy it is 5.7.1.
  const unwanted = decidedBy === "policy" || decidedBy === "bounce";
  return { code: 550, enhanced: unwanted ? "5.7.1" : REJECTION[row], text };
}

function sentence(decidedBy: Choice["decidedBy"]): string | null {
  if (decidedBy === "policy") return "the From domain wants such mail refused";
  if (decidedBy === "bounce") return "this report returns no message that was sent from here";
  return null;
}
