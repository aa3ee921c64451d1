import type { DeliveryEvent } from "../../delivery/index.ts";
import type { MxEvent } from "../../mx/index.ts";
import type { SubmissionEvent } from "../../submission/index.ts";
import type { Happening } from "../network/observer.ts";
import { judgementOf } from "../stage/outcome.ts";
import { verdictStyle } from "./case-report.ts";
import { clip, type Terminal, WIDTH } from "./terminal.ts";

const INDENT = " ".repeat(10);

/** Tells of each message while the playground stays up. */
export function reportLive(terminal: Terminal, happening: Happening): void {
  const { at } = happening;
  switch (happening.kind) {
    case "submission":
      reportSubmission(terminal, at, happening.event);
      break;
    case "judged":
      reportJudgement(terminal, at, happening.event);
      break;
    case "delivery":
      reportDelivery(terminal, at, happening.event);
      break;
    case "lookup":
    case "wire":
  }
}

function reportSubmission(terminal: Terminal, at: string, event: SubmissionEvent): void {
  if (event.kind === "queued") {
    const recipients = event.recipientCount === 1 ? "one recipient" : `${event.recipientCount} recipients`;
    say(terminal, `${at} signed a message of ${event.identity} for ${recipients}`, [
      `key ${event.kids.join(", ")}`,
    ]);
    return;
  }
  const { code, enhanced, text } = event.reply;
  say(terminal, `${at} refused a message of a user`, [`${code} ${enhanced} ${text}`]);
}

function reportJudgement(terminal: Terminal, at: string, event: MxEvent): void {
  const { envelope, verdict, decision, reply } = event;
  const recipients = envelope.recipients.map(({ text }) => text).join(", ");
  const judgement = judgementOf(verdict);
  const properties = [
    ["align", verdict.align],
    ["rcpt", verdict.rcpt],
    ["trust", verdict.trust],
  ].flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  const words = [judgement.verdict ?? "", ...properties].join("  ");
  say(terminal, `${at} judged mail from <${envelope.reversePath?.text ?? ""}> to ${recipients}`, [
    `${terminal.paint(verdictStyle(judgement.verdict), words)}   ${reply.code} ${reply.enhanced}   ${decision.action}`,
    ...(verdict.result === "pass" ? [`signed by ${verdict.identity}`] : [verdict.detail]),
  ]);
}

function reportDelivery(terminal: Terminal, at: string, event: DeliveryEvent): void {
  if (event.kind === "bounced") say(terminal, `${at} tells ${event.bounce.recipient} that it failed`);
  if (event.kind !== "attempted") return;
  for (const { kind, address, code, enhanced, text, remote } of event.results) {
    const reply = `${code === null ? "" : `${code} `}${enhanced} ${text}`;
    if (kind !== "delivered") {
      const what = kind === "failed" ? "cannot deliver" : "will try again to deliver";
      say(terminal, `${at} ${what} to ${address}`, [`${remote === null ? "" : `${remote}: `}${reply}`]);
    } else if (remote === null) say(terminal, `${at} has put it into the mailbox of ${address}`);
    else say(terminal, `${at} has handed it to ${remote} for ${address}`);
  }
}

function say(terminal: Terminal, what: string, details: readonly string[] = []): void {
  const time = new Date().toTimeString().slice(0, 8);
  terminal.line(`${terminal.paint("dim", time)}  ${clip(what, WIDTH - INDENT.length)}`);
  for (const detail of details) terminal.line(`${INDENT}${detail}`);
}
