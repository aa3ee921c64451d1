import type { Command } from "commander";
import type { ListedMessage } from "../../queue/index.ts";
import { firstOf } from "../administration/first-of.ts";
import type { Column } from "../administration/table.ts";
import { countArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { addChoice, type ChoiceOptions, filterOf, matching } from "./choice.ts";
import { messageFields, messageObject } from "./message-object.ts";
import { onQueue } from "./on-queue.ts";
import { recipientsText, senderText, shortDuration, sizeText, untilText, whyHere } from "./text.ts";
import { addWatch, printWatching, type WatchOption } from "./watch.ts";

interface Options extends ChoiceOptions, WatchOption {
  readonly limit?: number;
  readonly all?: boolean;
}

const USUAL_LIMIT = 100;

export function defineList(parent: Command, done: Done): void {
  const command = addChoice(parent.command("list").description("list queued messages, the oldest first"))
    .option("--limit N", `at most N messages (${USUAL_LIMIT})`, countArgument)
    .option("--all", "every one, however many there are");
  onQueue(addWatch(command), done, {
    examples: [
      ["vsmtp queue list", "what waits, and why"],
      ["vsmtp queue list --destination example.net --state deferred", "what one domain does not take"],
      [
        "vsmtp queue list --account mallory@example.org --all --json",
        "all mail of an account, for a program",
      ],
      ["vsmtp queue list --watch", "live"],
    ],
    json: messageFields,
    async run({ queue, config, json, printer }, options: Options) {
      const filter = await filterOf(config, options);
      const limit = options.all ? Number.POSITIVE_INFINITY : (options.limit ?? USUAL_LIMIT);
      await printWatching(options, json, () =>
        printer.printAll(firstOf(matching(queue, filter), limit), {
          json: messageObject,
          columns: columns(Date.now()),
          nothing: Object.keys(filter).length === 0 ? "the queue is empty" : "no such messages",
        }),
      );
    },
  });
}

function columns(now: number): Column<ListedMessage>[] {
  return [
    { heading: "ID", cell: ({ id }) => id },
    { heading: "STATE", cell: ({ state }) => state },
    { heading: "AGE", cell: ({ enqueuedAt }) => shortDuration(now - enqueuedAt) },
    { heading: "SIZE", cell: ({ size }) => sizeText(size) },
    { heading: "TRIED", cell: ({ attempts }) => String(attempts) },
    {
      heading: "NEXT",
      cell: ({ state, dueAt }) => (state === "queued" ? untilText(dueAt ?? now, now) : "–"),
    },
    { heading: "SENDER", cell: ({ sender }) => senderText(sender), yields: true },
    { heading: "RECIPIENTS", cell: recipientsText, yields: true },
    { heading: "WHY", cell: (message) => whyHere(message, now), yields: true },
  ];
}
