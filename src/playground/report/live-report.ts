import type { DeliveryEvent } from "../../delivery/index.ts";
import type { MxEvent } from "../../mx/index.ts";
import type { SubmissionEvent } from "../../submission/index.ts";
import type { Happening } from "../network/observer.ts";
import { judgementOf } from "../stage/outcome.ts";
import { clip, type Style, type Terminal, WIDTH } from "./terminal.ts";
import { verdictStyle, verdictWords } from "./verdict-words.ts";

const INDENT = 10;

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
    say(terminal, `${at} signed a message of ${event.identity} for ${recipients}`);
    detail(terminal, `key ${event.kids.join(", ")}`);
  } else if (event.kind === "refused") {
    const { code, enhanced, text } = event.reply;
    say(terminal, `${at} refused a message of a user`);
    detail(terminal, `${code} ${enhanced} ${[text].flat().join(" ")}`);
  }
}

function reportJudgement(terminal: Terminal, at: string, event: MxEvent): void {
  const { envelope, verdict, decision, reply } = event;
  const recipients = envelope.recipients.map(({ text }) => text).join(", ");
  say(terminal, `${at} judged mail from <${envelope.reversePath?.text ?? ""}> to ${recipients}`);
  const { trust } = verdict;
  const words = verdictWords({ ...judgementOf(verdict), trust });
  detail(
    terminal,
    `${words}  ${reply.code} ${reply.enhanced}  ${decision.action}`,
    verdictStyle(verdict.result),
  );
  detail(terminal, verdict.result === "pass" ? `signed by ${verdict.identity}` : verdict.detail);
}

function reportDelivery(terminal: Terminal, at: string, event: DeliveryEvent): void {
  if (event.kind === "stopped") {
    say(terminal, `${at} has ${event.fate} a message of <${event.message.sender}> in its queue`);
    detail(terminal, event.because);
  }
  if (event.kind !== "attempted") return;
  const what = event.message.sender === "" ? "a report" : "it";
  for (const { kind, address, code, enhanced, text, remote } of event.results) {
    if (kind === "delivered") {
      const done =
        remote === null
          ? `has put ${what} into the mailbox of ${address}`
          : `has handed ${what} to ${remote} for ${address}`;
      say(terminal, `${at} ${done}`);
    } else {
      say(terminal, `${at} ${kind === "failed" ? "cannot" : "will later"} deliver ${what} to ${address}`);
      const speaker = remote === null ? "" : `${remote}: `;
      detail(terminal, `${speaker}${code === null ? "" : `${code} `}${enhanced} ${text}`);
    }
  }
}

function say(terminal: Terminal, what: string): void {
  const time = new Date().toTimeString().slice(0, 8);
  terminal.line(`${terminal.paint("dim", time)}  ${clip(what, WIDTH - INDENT)}`);
}

function detail(terminal: Terminal, text: string, style?: Style): void {
  terminal.paragraph(text, INDENT, style);
}
