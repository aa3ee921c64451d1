import { type Failure, type Reply, reply, type StepOutcome } from "../smtp/index.ts";

/** What our client is told where the next hop did not do it: the next hop's own words, where it said anything of the mail. */
export function replyOf({ stage, code, enhanced, text, status }: Failure): Reply {
  const isAboutMail = stage === "mail" || stage === "rcpt" || stage === "data" || stage === "content";
  if (isAboutMail && code !== null && code >= 400 && code !== 421) return reply(code, enhanced, text);
  // What the next hop cannot take at all, as it says in EHLO.
  if (isAboutMail && code === null && status === "refused") return reply(554, enhanced, text);
  // RFC 5321 §3.8: with 421 that connection ends, and not ours. And no sender's mail shall come back for what is wrong
  // between this host and the next.
  const said = code === null ? text : `${code} ${text}`;
  return reply(451, enhanced.replace(/^[^4]/, "4"), `The next hop cannot take it now: ${said}`);
}

/** The next hop's own reply, to be ours. */
export function passedOn(outcome: StepOutcome): Reply {
  if (!outcome.ok) return replyOf(outcome.failure);
  const { code, enhanced, lines } = outcome.reply;
  return reply(code, enhanced, lines);
}

interface Addressed {
  readonly recipients: readonly { readonly text: string }[];
}

/** So many recipients are named in a reply. */
const NAMED = 10;

/**
 * One reply for all copies. Where some were taken and others not, and these may be taken yet, the client is to come again;
 * where not, its user hears who has it, for no second reply could tell.
 *
 * @param outcomes of those that were tried, at least of one
 */
export function replyToAll<Copy extends Addressed>(
  copies: readonly Copy[],
  outcomes: ReadonlyMap<Copy, StepOutcome>,
): Reply {
  const failures = [...outcomes.values()].flatMap((outcome) => (outcome.ok ? [] : [outcome.failure]));
  const taken = copies.filter((copy) => outcomes.get(copy)?.ok === true);
  const decisive = failures.find(({ status }) => status === "deferred") ?? failures[0];
  if (decisive === undefined) return positive([...outcomes.values()]);
  if (taken.length === 0) return replyOf(decisive);
  const others = copies.filter((copy) => !taken.includes(copy)).flatMap(({ recipients }) => recipients);
  const names = others.slice(0, NAMED).map(({ text }) => `<${text}>`);
  if (others.length > NAMED) names.push(`${others.length - NAMED} more`);
  const { code, enhanced, text } = replyOf(decisive);
  const count = taken.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return reply(code, enhanced, [
    `${count} of ${count + others.length} recipients have it already, but not ${names.join(", ")}:`,
    ...(typeof text === "string" ? [text] : text),
  ]);
}

function positive([first, ...others]: readonly StepOutcome[]): Reply {
  if (first === undefined) throw new Error("a message without copies");
  const { code, enhanced, text } = passedOn(first);
  if (others.length === 0) return reply(code, enhanced, text);
  const said = typeof text === "string" ? text : text.join(" ");
  return reply(
    code,
    enhanced,
    `${said} (and ${others.length} more ${others.length === 1 ? "copy" : "copies"})`,
  );
}
