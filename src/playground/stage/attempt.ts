import type { LookupReport } from "../../key-lookup/index.ts";
import type { MxEvent } from "../../mx/index.ts";
import type { Happening } from "../network/observer.ts";

/** One attempt to hand a message to a mail host, seen from both ends. */
export interface Attempt {
  /** What the sending side was told; `code` is null when nobody answered. */
  readonly reply: { readonly code: number | null; readonly enhanced: string; readonly text: string };
  /** What the receiving MX made of it; null when the message did not get that far. */
  readonly judged: MxEvent | null;
  /** The dialogue, abridged. */
  readonly wire: readonly string[];
  /** What the MX asked key servers. */
  readonly lookups: readonly LookupReport[];
}

type WireLine = Extract<Happening, { kind: "wire" }>;

/**
 * What the MX `at` did with a message, read from what happened.
 *
 * @param all since the session may have begun
 * @param since where this attempt begins in it
 */
export function readAttempt(
  all: readonly Happening[],
  since: number,
  at: string,
  recipient: string,
): Omit<Attempt, "reply"> {
  const recent = all.slice(since).filter((happening) => happening.at === at);
  const judged = recent.findLast(
    (happening) =>
      happening.kind === "judged" &&
      happening.event.envelope.recipients.some(({ text }) => text === recipient),
  );
  if (judged?.kind !== "judged") return { judged: null, wire: [], lookups: [] };
  const { id } = judged.event.session;
  return {
    judged: judged.event,
    wire: dialogue(all, (line) => line.role === "mx" && line.with === id),
    lookups: recent.flatMap((happening) => (happening.kind === "lookup" ? [happening.report] : [])),
  };
}

/** The last transaction among the lines that fit. */
export function dialogue(all: readonly Happening[], fits: (line: WireLine) => boolean): string[] {
  return lastTransaction(
    all.flatMap((happening) => (happening.kind === "wire" && fits(happening) ? [happening.line] : [])),
  );
}

/** From MAIL to the end of the message, without the replies that only say "go on". */
function lastTransaction(lines: readonly string[]): string[] {
  const mail = lines.findLastIndex((line) => line.startsWith("C: MAIL"));
  return mail < 0 ? [] : withoutReplies(lines.slice(mail));
}

/** What a client said from AUTH on, in a dialogue that came to no verdict. */
export function abridgedDialogue(lines: readonly string[]): string[] {
  const begin = lines.findIndex((line) => line.startsWith("C: AUTH"));
  return withoutReplies(lines.slice(Math.max(begin, 0)));
}

/** The last reply is shown elsewhere, the others only say "go on". */
function withoutReplies(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith("C: ") && !/^C: (?:\.|QUIT|RSET)$/.test(line));
}
