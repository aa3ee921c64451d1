import type { Command } from "commander";
import { decodeEncodedWords, parseHeader } from "../../message/index.ts";
import { headerOf, isQuarantined, type QuarantinedMessage, type StoredContent } from "../../queue/index.ts";
import { formatFacts } from "../administration/facts.ts";
import { isoMinute } from "../administration/time-text.ts";
import { seconds } from "../queue/message-object.ts";
import { onQueue } from "../queue/on-queue.ts";
import { printContent } from "../queue/print-content.ts";
import { senderText, sizeText } from "../queue/text.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { quarantinedFields, quarantinedObject } from "./quarantined-object.ts";

interface Options {
  readonly header?: boolean;
  readonly raw?: boolean;
}

export function defineShow(parent: Command, done: Done): void {
  const command = parent
    .command("show ID")
    .description("show a message in quarantine, and why it is there")
    .option("--header", "print its header instead")
    .option("--raw", "print the whole message instead");
  onQueue(command, done, {
    about: ["The text of a message is its author's secret: look at it for a reason that you could tell him."],
    examples: [
      ["vsmtp quarantine show 1M85MSH588YTNX5W", "who, what, why, and what was found out about it"],
      ["vsmtp quarantine show 1M85MSH588YTNX5W --raw | vsmtp explain", "what broke its signature"],
    ],
    json: quarantinedFields,
    async run({ queue, printer }, { header, raw }: Options, id: string) {
      if (header && raw) throw new UsageError("say --header or --raw, not both");
      const [message] = await queue.list({ ids: [id], state: "quarantined" }, 1);
      const content = message && (await queue.content(id));
      if (message === undefined || content == null || !isQuarantined(message)) throw notThere(id);
      if (header || raw) await printContent(content, header === true);
      else
        await printer.print(
          quarantinedObject(message),
          textOf(message, await authenticationResults(content)),
        );
    },
  });
}

function notThere(id: string): UsageError {
  return new UsageError(
    `${id}: no such message in quarantine; it may have been released or deleted (see vsmtp log show ${id})`,
  );
}

function textOf(message: QuarantinedMessage, results: readonly string[]): string {
  const { quarantine: note } = message;
  return formatFacts(message.id, [
    ["from", decodeEncodedWords(note.from) || "–"],
    ["to", message.recipients.map(({ address }) => address)],
    ["subject", decodeEncodedWords(note.subject) || "–"],
    ["message-id", note.messageId],
    ["sender", senderText(message.sender)],
    ["client", note.client],
    ["size", sizeText(message.size)],
    ["came", isoMinute(seconds(message.enqueuedAt))],
    ["deleted", `${isoMinute(seconds(note.until))}, unless it is released`],
    ["verdict", note.reason === null ? note.result : `${note.result}: ${note.reason}`],
    ["signed by", note.identity === null ? null : `${note.identity}, key ${note.kid ?? "–"}`],
    ["decided by", note.because === null ? note.decidedBy : `${note.decidedBy}: ${note.because}`],
    ["results", results.length > 0 ? results : null],
  ]);
}

/** The topmost field, which is this host's, line by line. */
async function authenticationResults(content: StoredContent): Promise<readonly string[]> {
  const header = parseHeader(await headerOf(content));
  const field = header.fields.find(({ name }) => name === "authentication-results");
  if (field === undefined) return [];
  const text = header.octets.toString("utf8", field.valueStart, field.end);
  return text.split("\r\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
}
