import type { Command } from "commander";
import type { DeliveredEntry, LoggedMessage, LoggedReceived, MailStory } from "../../mail-log/index.ts";
import { type Fact, formatFacts } from "../administration/facts.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { messageFields, messageObject } from "./message-object.ts";
import { onLog } from "./on-log.ts";
import { timeText, verdictText } from "./text.ts";

const fields = {
  ...messageFields,
  deliveries:
    "what became of its recipients, in order: id (of the copy), at, recipient, outcome (delivered, deferred, failed, forwarded, held, released, removed), detail",
} as const;

export function defineShow(parent: Command, done: Done): void {
  const command = parent.command("show ID").description("tell the whole story of a message");
  onLog(command, done, {
    about: [
      "The id stands in the reply to the message, in its Received field and in vsmtp log search. Times are UTC.",
    ],
    examples: [
      ["vsmtp log show 1M85MSH588YTNX5W", "who sent it, what was found out, what was done, where it is"],
    ],
    json: fields,
    async run({ log, config, printer }, _options: unknown, id: string) {
      const story = await log.story(id.toUpperCase());
      if (story === null) {
        const days = Math.round(config.log.keepMs / 86_400_000);
        throw new UsageError(`${id}: nothing is known of it; entries are kept ${days} days (log.keep)`);
      }
      await printer.print(storyObject(id, story), storyText(id.toUpperCase(), story));
    },
  });
}

function storyObject(id: string, { message, deliveries }: MailStory): Record<keyof typeof fields, unknown> {
  const known =
    message === null
      ? Object.fromEntries(Object.keys(messageFields).map((field) => [field, null]))
      : messageObject(message);
  return {
    ...(known as Record<keyof typeof messageFields, unknown>),
    id: message?.id ?? id.toUpperCase(),
    deliveries: deliveries.map(({ at, ...rest }) => ({ ...rest, at: Math.floor(at / 1000) })),
  };
}

function storyText(id: string, { message, deliveries }: MailStory): string {
  const ends: Fact = ["recipients", deliveries.map((one) => deliveryText(one, message))];
  if (message === null) {
    return formatFacts(id, [
      [
        "entry",
        "none: this host made the message itself, such as a report or what it forwards; or its entry is gone",
      ],
      ends,
    ]);
  }
  return formatFacts(message.id, [
    ...(message.direction === "in" ? receivedFacts(message) : submittedFacts(message)),
    ends,
  ]);
}

function receivedFacts(message: LoggedReceived): Fact[] {
  const { took, recipients, recipientCount, helo, client } = message;
  const more = recipientCount - recipients.length;
  return [
    ["came", `${preciseTime(message.at)} from ${client} (${helo}), session ${message.session}`],
    ["sender", message.reversePath === "" ? "<>" : message.reversePath],
    ["from", message.from.length > 0 ? message.from : "nobody that can be read"],
    ["to", more > 0 ? [...recipients, `and ${more} more`] : recipients],
    ["Message-ID", message.messageId],
    ["octets", String(message.octets)],
    ["verdict", `${verdictText(message)}: ${message.detail}`],
    ["signed by", message.identity],
    ["key", message.kid === null ? null : `${message.kid}${message.stapled ? ", brought along" : ""}`],
    ["found out", found(message)],
    ["forwarder", message.forwarder],
    ["neighbours", neighbours(message)],
    [
      "policy",
      message.policyDomain === null ? null : `${message.policy}, published at ${message.policyDomain}`,
    ],
    ["action", `${message.action}, decided by ${decidedBy(message)}; stage ${message.stage}`],
    ["repeated", message.repeated ? "to some or all of its recipients it was delivered before" : null],
    ["answer", `${message.code} ${message.enhanced}`],
    ["took", times(took)],
  ];
}

function submittedFacts(message: Extract<LoggedMessage, { direction: "out" }>): Fact[] {
  const { copies } = message;
  return [
    ["handed in", `${preciseTime(message.at)} from ${message.client}, session ${message.session}`],
    ["account", message.account],
    ["signed by", message.identity],
    ["keys", message.kids],
    ["octets", String(message.octets)],
    ["to", `${message.recipientCount} ${message.recipientCount === 1 ? "recipient" : "recipients"}`],
    ["copies", copies.length > 1 ? copies : null],
    [
      "Message-ID",
      message.messageIdHash === null ? null : `hash ${message.messageIdHash}, as in vsmtp audit list`,
    ],
  ];
}

/** What was found out beside the verdict. */
function found({ align, rcpt, trust }: LoggedReceived): string | null {
  const words = Object.entries({ align, rcpt, trust }).flatMap(([name, value]) =>
    value === null ? [] : [`${name}=${value}`],
  );
  return words.length === 0 ? null : words.join(" ");
}

function neighbours({ spf, dkim, dmarc, arc }: LoggedReceived): string | null {
  if (spf === null && dkim === null && dmarc === null && arc === null) return null;
  return `spf=${spf ?? "?"} dkim=${dkim ?? "?"} dmarc=${dmarc ?? "?"} arc=${arc ?? "?"}`;
}

function decidedBy({ decidedBy: what, because }: LoggedReceived): string {
  return because === null ? what : `${what} (${because})`;
}

function times({ receiving, verifying, queueing }: LoggedReceived["took"]): string {
  const last = queueing === null ? "not queued" : `queueing ${queueing} ms`;
  return `receiving ${receiving} ms, verifying ${verifying} ms, ${last}`;
}

function deliveryText(
  { id, at, recipient, outcome, detail }: DeliveredEntry,
  message: LoggedMessage | null,
): string {
  const after = message === null ? "" : ` (after ${((at - message.at) / 1000).toFixed(1)} s)`;
  const copy = message === null || message.id === id ? "" : `copy ${id} `;
  return `${timeText(at)}${after}  ${copy}${recipient}  ${outcome}: ${detail}`;
}

/** With milliseconds: stages take few of them. */
function preciseTime(at: number): string {
  return new Date(at).toISOString().replace("T", " ").replace("Z", "");
}
