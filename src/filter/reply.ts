import type { HeaderEdit } from "../message/index.ts";
import type { MilterAnswer, MilterOutcome, MilterReply, MilterTransaction } from "../milter/index.ts";
import type { Reply } from "../smtp/index.ts";

/** What an SMTP client would be told, as a milter can have it told: one line, refusals only. */
export function milterReply({ code, enhanced, text }: Reply): MilterReply {
  // 421 would end the session, of which a milter holds only one message.
  const [shownCode, shown] = code === 421 ? [451, "4.7.0"] : [code, enhanced];
  const line = typeof text === "string" ? text : text.join(" ");
  return { code: shownCode, enhanced: shown ?? (shownCode < 500 ? "4.0.0" : "5.0.0"), text: line };
}

export function refuse(reply: MilterReply): MilterAnswer & { readonly kind: "refuse" } {
  return { kind: "refuse", reply };
}

/** Nothing changes in the message. */
export function unchanged(answer: MilterAnswer): MilterOutcome {
  return { answer, edits: [], body: null, quarantine: null };
}

/** What a mail server does not let us do is left out; its settings are at fault, and mail goes on. */
export function possible(
  edits: readonly HeaderEdit[],
  { connection: { allows } }: MilterTransaction,
): readonly HeaderEdit[] {
  if (allows.addHeaders && allows.changeHeaders) return edits;
  return edits.filter(({ kind }) => (kind === "prepend" ? allows.addHeaders : allows.changeHeaders));
}
