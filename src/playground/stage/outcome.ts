import type { Verdict } from "../../signature/index.ts";
import type { StoredMail } from "./mailbox.ts";

/** How a scenario says that a message fares. Words as in the table; null where nobody judged or answered. */
export interface Outcome {
  /** Result and reason: `pass`, `fail no-key`. */
  readonly verdict: string | null;
  readonly align: string | null;
  readonly rcpt: string | null;
  /** Code and enhanced code of the reply that decided: `550 5.7.5`. */
  readonly reply: string | null;
  readonly mailbox: "inbox" | "tagged" | "junk" | null;
}

export const NOTHING: Outcome = { verdict: null, align: null, rcpt: null, reply: null, mailbox: null };

/** Where outcomes differ, one line for each difference; empty where they agree. */
export function differences(expected: Outcome, observed: Outcome): string[] {
  return (["verdict", "align", "rcpt", "reply", "mailbox"] as const)
    .filter((name) => expected[name] !== observed[name])
    .map((name) => `${name}: expected ${expected[name] ?? "nothing"}, was ${observed[name] ?? "nothing"}`);
}

type Judgement = Pick<Outcome, "verdict" | "align" | "rcpt">;

export function judgementOf({ result, reason, align, rcpt }: Verdict): Judgement {
  const withReason = reason !== null && result !== "none";
  return { verdict: withReason ? `${result} ${reason}` : result, align, rcpt };
}

/** What the border wrote into the message (REC-1); null when it wrote nothing. */
export function recordedJudgement(mail: StoredMail, authservId: string): Judgement | null {
  const field = mail.fields
    .get("authentication-results")
    ?.find((value) => value.startsWith(`${authservId};`));
  const found = /\bvsmtp=([a-z]+)(?: reason="?([a-z-]+)"?)?(.*)$/.exec(field ?? "");
  if (found === null) return null;
  const [, result = "", reason, rest = ""] = found;
  const property = (name: string): string | null =>
    new RegExp(`\\bpolicy\\.${name}=([a-z]+)`).exec(rest)?.[1] ?? null;
  return {
    verdict: reason === undefined ? result : `${result} ${reason}`,
    align: property("align"),
    rcpt: property("rcpt"),
  };
}

export function mailboxState(mail: StoredMail | null): Outcome["mailbox"] {
  if (mail === null) return null;
  if (mail.folder === "junk") return "junk";
  return mail.fields.has("x-vsmtp-flag") ? "tagged" : "inbox";
}
