import type { Command } from "commander";
import type { DestinationCounts, QueueCounts } from "../../queue/index.ts";
import { countText } from "../administration/count-text.ts";
import type { Column } from "../administration/table.ts";
import { countArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { writeOut } from "../standard-output.ts";
import { seconds } from "./message-object.ts";
import { onQueue } from "./on-queue.ts";
import { shortDuration, sizeText, untilText } from "./text.ts";
import { addWatch, printWatching, type WatchOption } from "./watch.ts";

interface Options extends WatchOption {
  readonly limit?: number;
}

const USUAL_LIMIT = 20;

const fields = {
  destination: "the domain; null: all together, always the first object",
  queued: "messages that wait for their next attempt",
  leased: "messages that delivery is at",
  held: "messages that are held",
  quarantined: "messages in quarantine, which are not counted elsewhere; null for a destination",
  oldest_at: "when the oldest one came; null: there is none",
  deferred_recipients: "recipients that were tried and will be tried again; null for a destination",
  octets: "of all messages; null for a destination",
  rests_until:
    "until when the destination is left alone, since none of its servers could be talked to; null: it is not",
  failures: "how often in a row that was so; null for all together",
  failure: "what the last time came to; null: nothing",
} as const;

export function defineStats(parent: Command, done: Done): void {
  const command = parent
    .command("stats")
    .description("count what is queued, and for which destinations")
    .option("--limit N", `the N destinations with most messages (${USUAL_LIMIT})`, countArgument);
  onQueue(addWatch(command), done, {
    examples: [
      ["vsmtp queue stats", "how full it is, and who does not take mail"],
      ["vsmtp queue stats --watch 10", "live"],
      ["vsmtp queue stats --json --limit 1000", "for monitoring"],
    ],
    json: fields,
    async run({ queue, json, printer }, options: Options) {
      await printWatching(options, json, async () => {
        const counts = await queue.counts();
        const destinations = await queue.destinations(options.limit ?? USUAL_LIMIT);
        const now = Date.now();
        await printer.print(totalObject(counts), totalText(counts, now));
        if (destinations.length === 0) return;
        if (!json) await writeOut("\n");
        await printer.printAll(destinations, {
          json: destinationObject,
          columns: columns(now),
          nothing: "",
        });
      });
    },
  });
}

function totalObject(counts: QueueCounts): Record<keyof typeof fields, unknown> {
  return {
    destination: null,
    queued: counts.queued,
    leased: counts.leased,
    held: counts.held,
    quarantined: counts.quarantined,
    oldest_at: seconds(counts.oldestAt),
    deferred_recipients: counts.deferredRecipients,
    octets: counts.octets,
    rests_until: null,
    failures: null,
    failure: null,
  };
}

function destinationObject(counts: DestinationCounts): Record<keyof typeof fields, unknown> {
  return {
    destination: counts.destination,
    queued: counts.queued,
    leased: counts.leased,
    held: counts.held,
    quarantined: null,
    oldest_at: seconds(counts.oldestAt),
    deferred_recipients: null,
    octets: null,
    rests_until: seconds(counts.restsUntil),
    failures: counts.failures,
    failure: counts.failure,
  };
}

function totalText(
  { queued, leased, held, deferredRecipients, octets, oldestAt, ...kept }: QueueCounts,
  now: number,
): string {
  const all = queued + leased + held;
  const quarantine =
    kept.quarantined === 0
      ? []
      : [
          `${countText(kept.quarantined, "message")} in quarantine, ${sizeText(kept.quarantinedOctets)}: see vsmtp quarantine list`,
        ];
  if (oldestAt === null) return ["The queue is empty.", ...quarantine].join("\n");
  return [
    `${countText(all, "message")}, ${sizeText(octets)}, the oldest ${shortDuration(now - oldestAt)} old:`,
    `${countText(queued, "message")} queued, ${leased.toLocaleString("en-US")} leased, ${held.toLocaleString("en-US")} held; ${countText(deferredRecipients, "recipient")} to be tried again`,
    ...quarantine,
  ].join("\n");
}

function columns(now: number): Column<DestinationCounts>[] {
  return [
    { heading: "DESTINATION", cell: ({ destination }) => destination, yields: true },
    { heading: "QUEUED", cell: ({ queued }) => String(queued) },
    { heading: "LEASED", cell: ({ leased }) => String(leased) },
    { heading: "HELD", cell: ({ held }) => String(held) },
    { heading: "OLDEST", cell: ({ oldestAt }) => shortDuration(now - oldestAt) },
    {
      heading: "RESTS",
      cell: ({ restsUntil }) => (restsUntil === null || restsUntil <= now ? "–" : untilText(restsUntil, now)),
    },
    { heading: "FAILURES", cell: ({ failures }) => String(failures) },
    { heading: "LAST FAILURE", cell: ({ failure }) => failure ?? "", yields: true },
  ];
}
