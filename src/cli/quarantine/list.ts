import type { Command } from "commander";
import { decodeEncodedWords } from "../../message/index.ts";
import {
  isQuarantined,
  type QuarantinedMessage,
  type QueueFilter,
  type QueueStore,
} from "../../queue/index.ts";
import { firstOf } from "../administration/first-of.ts";
import type { Column } from "../administration/table.ts";
import { countArgument } from "../arguments.ts";
import { matching } from "../queue/choice.ts";
import { onQueue } from "../queue/on-queue.ts";
import { recipientsText, shortDuration } from "../queue/text.ts";
import type { Done } from "../run-command.ts";
import { inQuarantine, type QuarantineChoice, quarantineFilter } from "./choice.ts";
import { quarantinedFields, quarantinedObject } from "./quarantined-object.ts";

interface Options extends QuarantineChoice {
  readonly limit?: number;
  readonly all?: boolean;
}

const USUAL_LIMIT = 100;

export function defineList(parent: Command, done: Done): void {
  const command = inQuarantine
    .add(parent.command("list").description("list what is in quarantine, the oldest first"))
    .option("--limit N", `at most N messages (${USUAL_LIMIT})`, countArgument)
    .option("--all", "every one, however many there are");
  onQueue(command, done, {
    examples: [
      ["vsmtp quarantine list", "what is kept, from whom, and why"],
      ["vsmtp quarantine list --to bob@example.org --from @example.net", "is it there, what Bob waits for?"],
      ["vsmtp quarantine list --reason body --all --json", "all of a kind, for a program"],
    ],
    json: quarantinedFields,
    async run({ queue, printer }, options: Options) {
      const filter = quarantineFilter(options);
      const limit = options.all ? Number.POSITIVE_INFINITY : (options.limit ?? USUAL_LIMIT);
      await printer.printAll(firstOf(kept(queue, filter), limit), {
        json: quarantinedObject,
        columns: columns(Date.now()),
        nothing: Object.keys(filter).length === 1 ? "nothing is in quarantine" : "no such messages",
      });
    },
  });
}

async function* kept(queue: QueueStore, filter: QueueFilter): AsyncGenerator<QuarantinedMessage> {
  for await (const message of matching(queue, filter)) if (isQuarantined(message)) yield message;
}

function columns(now: number): Column<QuarantinedMessage>[] {
  return [
    { heading: "ID", cell: ({ id }) => id },
    { heading: "AGE", cell: ({ enqueuedAt }) => shortDuration(now - enqueuedAt) },
    { heading: "LEFT", cell: ({ quarantine: { until } }) => shortDuration(until - now) },
    { heading: "WHY", cell: ({ quarantine: { reason, result } }) => reason ?? result },
    { heading: "FROM", cell: ({ quarantine: { from } }) => decodeEncodedWords(from) || "–", yields: true },
    { heading: "TO", cell: recipientsText, yields: true },
    { heading: "SUBJECT", cell: ({ quarantine: { subject } }) => decodeEncodedWords(subject), yields: true },
  ];
}
