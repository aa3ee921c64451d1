import type { Command } from "commander";
import type { ListedMessage } from "../../queue/index.ts";
import { formatFacts } from "../administration/facts.ts";
import { isoMinute } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { messageFields, messageObject, seconds } from "./message-object.ts";
import { onQueue } from "./on-queue.ts";
import { printContent } from "./print-content.ts";
import { senderText, sizeText, untilText } from "./text.ts";

interface Options {
  readonly header?: boolean;
  readonly content?: boolean;
}

export function defineShow(parent: Command, done: Done): void {
  const command = parent
    .command("show ID")
    .description("show all that is known of a queued message")
    .option("--header", "print its header instead, as it will be sent")
    .option("--content", "print the whole message instead, as it will be sent");
  onQueue(command, done, {
    about: ["The text of a message is its sender's secret: look at it for a reason that you could tell him."],
    examples: [
      ["vsmtp queue show 1M85MSH588YTNX5W", "recipients, attempts, what other servers said"],
      ["vsmtp queue show 1M85MSH588YTNX5W --content | vsmtp explain", "whether its signature is whole"],
    ],
    json: messageFields,
    async run({ queue, printer }, { header, content }: Options, id: string) {
      if (header && content) throw new UsageError("say --header or --content, not both");
      const [message] = await queue.list({ ids: [id] }, 1);
      if (message === undefined) {
        const [kept] = await queue.list({ ids: [id], state: "quarantined" }, 1);
        if (kept !== undefined)
          throw new UsageError(`${id} is in quarantine: see vsmtp quarantine show ${id}`);
        throw notThere(id);
      }
      if (header || content) {
        const stored = await queue.content(id);
        if (stored === null) throw notThere(id);
        return printContent(stored, header === true);
      }
      await printer.print(messageObject(message), textOf(message));
    },
  });
}

function notThere(id: string): UsageError {
  return new UsageError(`${id}: no such message in the queue; it may have been delivered (see the log)`);
}

function textOf(message: ListedMessage): string {
  const now = Date.now();
  const due =
    message.dueAt === null ? null : `${isoMinute(seconds(message.dueAt))} (${untilText(message.dueAt, now)})`;
  return formatFacts(message.id, [
    ["state", message.heldBecause === null ? message.state : `${message.state}: ${message.heldBecause}`],
    ["ordered", message.pendingOrder],
    ["sender", senderText(message.sender)],
    ["account", message.account],
    ["keys", message.kids.length > 0 ? message.kids : null],
    ["destination", message.destination],
    ["size", sizeText(message.size)],
    ["came", isoMinute(seconds(message.enqueuedAt))],
    [message.state === "leased" ? "lease ends" : "next attempt", due],
    ["given up", isoMinute(seconds(message.expiresAt))],
    ["attempts", String(message.attempts)],
    ["sender told", message.warned ? "of the delay" : null],
    ["needs TLS", message.requireTls ? "authenticated, on every hop (REQUIRETLS)" : null],
    ["recipients", message.recipients.map(recipientText)],
  ]);
}

function recipientText({ address, state, detail }: ListedMessage["recipients"][number]): string {
  return detail === null ? `${address}  ${state}` : `${address}  ${state}: ${detail}`;
}
