import { formatMailDate } from "../../message/index.ts";
import type { LeasedMessage } from "../../queue/index.ts";
import { printable, wrap } from "./lines.ts";
import { plainReason } from "./plain-reason.ts";
import type { Action, ReportedRecipient } from "./reported-recipient.ts";

/** How much of the message comes back with its report. */
export type Returned = "header" | "whole" | "too-large" | "nothing";

export interface TextOptions {
  /** This host's name. */
  readonly hostname: string;
  /** Where people find help. */
  readonly postmaster: string;
  readonly returned: Returned;
  /** The message's Subject, where it can be shown. */
  readonly subject: string | null;
  /** Unix milliseconds. */
  readonly now: number;
  readonly utf8: boolean;
}

/** The part for people (RFC 6522 §3): what happened, to whom, why, and what to do about it. */
export function textPart(
  message: LeasedMessage,
  recipients: readonly ReportedRecipient[],
  options: TextOptions,
): string[] {
  const sections = actions.flatMap((action) => {
    const those = recipients.filter((one) => one.action === action);
    if (those.length === 0) return [];
    const intro = wrap(
      introductions[action](those.length === 1 ? "this recipient" : "these recipients", message, options.now),
    );
    return [...intro, "", ...those.flatMap((one) => [...aboutRecipient(message, one, options), ""])];
  });
  return [
    ...sections,
    ...wrap(aboutMessage(message, options)),
    "",
    ...wrap(`This is the mail system at ${options.hostname}. For help write to ${options.postmaster}.`),
  ];
}

/** The worst first. */
const actions: readonly Action[] = ["failed", "delayed", "relayed", "delivered"];

const introductions: Readonly<Record<Action, (whom: string, message: LeasedMessage, now: number) => string>> =
  {
    failed: (whom) => `Your message could not be delivered to ${whom}, and will not be tried again:`,
    delayed: (whom, { enqueuedAt, expiresAt }, now) =>
      `Your message has been under way for ${duration(now - enqueuedAt)} and could not be delivered yet to ${whom}. You need not do anything: it is tried again until ${formatMailDate(expiresAt)}, and you hear if it has to be given up.`,
    relayed: (whom) =>
      `Your message was handed on for ${whom} to a server that does not tell when it arrives. You will hear no more unless it fails:`,
    delivered: (whom) => `Your message was delivered to ${whom}:`,
  };

function aboutRecipient(message: LeasedMessage, one: ReportedRecipient, { utf8 }: TextOptions): string[] {
  const { code, enhanced, text, remote } = one.result;
  const lines = [`  ${printable(one.recipient.address, utf8)}`, ...wrap(explanation(message, one), "    ")];
  if (text === "" || one.action === "delivered") return lines;
  const words = `${code === null ? "" : `${code} ${enhanced} `}${printable(text, utf8)}`;
  const who = remote === null ? "in detail" : `${printable(remote, utf8)} said`;
  const stopped = one.ending === "operator" || one.ending === "account";
  const intro = stopped ? `Before that, ${who}:` : remote === null ? "In detail:" : `${who}:`;
  return [...lines, "", `    ${intro}`, ...wrap(words, "      ")];
}

function explanation(message: LeasedMessage, { action, ending, result }: ReportedRecipient): string {
  const { what, advice } = plainReason(result.enhanced);
  switch (action) {
    case "delivered":
      return "It is in the mailbox.";
    case "relayed":
      return "It was taken.";
    case "delayed":
      return what;
  }
  switch (ending) {
    case "operator":
      return "The operator of this mail system stopped it and returned it.";
    case "account":
      return "The operator of this mail system stopped it: the account that it was sent from was suspended or removed, or its key was revoked. If you know of no reason, ask your postmaster.";
    case "given-up":
      return `It was tried for ${duration(message.expiresAt - message.enqueuedAt)} and then given up. The reason: ${what} ${advice}`;
    default:
      return `${what} ${advice}`;
  }
}

function aboutMessage(message: LeasedMessage, { returned, subject, utf8 }: TextOptions): string {
  const about = subject === null ? "" : ` with the subject "${printable(subject, utf8)}"`;
  const came = `Your message${about} was taken on ${formatMailDate(message.enqueuedAt)}.`;
  switch (returned) {
    case "whole":
      return `${came} It is attached.`;
    case "header":
      return `${came} Its header is attached.`;
    case "nothing":
      return came;
    case "too-large":
      return `${came} Its header is attached: the whole of it, which you asked for, is too large to be returned.`;
  }
}

function duration(ms: number): string {
  const [count, unit] =
    ms >= 48 * HOUR
      ? [ms / (24 * HOUR), "day"]
      : ms >= 2 * HOUR
        ? [ms / HOUR, "hour"]
        : [ms / 60_000, "minute"];
  const rounded = Math.round(count);
  return `${rounded} ${unit}${rounded === 1 ? "" : "s"}`;
}

const HOUR = 3_600_000;
