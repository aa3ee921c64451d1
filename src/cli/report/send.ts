import { type Command, InvalidArgumentError } from "commander";
import { dnsPolicySource, type Resolver } from "../../dns/index.ts";
import { openDailyReports } from "../../provider/index.ts";
import { type DailyReportEvent, type DueReport, dayOf, whyNotSentTo } from "../../reports/index.ts";
import { domainName } from "../administration/find-domain.ts";
import { storeCommand } from "../administration/store-command.ts";
import type { Column } from "../administration/table.ts";
import { EXIT } from "../exit-status.ts";
import { hasMailLog, openMailLog } from "../mail-log-store.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { reporting } from "./reporting.ts";

interface Options {
  readonly day?: string;
  readonly domain?: string;
  readonly dryRun?: boolean;
}

const fields = {
  domain: "whose mail it is about",
  to: "where it goes; null where nobody could be asked",
  messages: "how many it counts; null where it was not sent",
  sent: "whether it is on its way; with --dry-run null",
  problem: "why not; with --dry-run why it would not",
  report: "with --dry-run the report; else null",
};

/** What became of a report, or what would. */
interface Line {
  readonly domain: string;
  readonly to: string | null;
  readonly messages: number | null;
  readonly sent: boolean | null;
  readonly problem: string | null;
  readonly report: DueReport["report"] | null;
}

export function defineSend(parent: Command, done: Done): void {
  const command = parent
    .command("send")
    .description("send the reports of a day to the domains that ask for them")
    .option("--day DATE", "of this day (UTC); without it, of yesterday", dayArgument)
    .option("--domain NAME", "only to this domain", domainName)
    .option("--dry-run", "show what would be sent, and send nothing");
  storeCommand(reporting, command, done, {
    about: [
      "A server whose settings have reports.send does this every night. What it sent already is not sent again, by hand either. The reports are counted from the mail log, and name no recipients.",
    ],
    examples: [
      ["vsmtp report send --dry-run", "who would hear of yesterday's mail"],
      ["vsmtp report send --day 2026-11-25 --domain example.net --dry-run --json", "what exactly"],
      ["vsmtp report send --day 2026-11-25", "the server was off that night"],
    ],
    json: fields,
    async run({ config, network, domain, openMail, printer }, options: Options) {
      const day = options.day ?? dayOf(Date.now() - DAY_MS);
      if (day >= dayOf(Date.now())) throw new UsageError(`${day} is not over (UTC)`);
      if (!hasMailLog(config)) throw new UsageError("there is no mail log on this host to count");
      await using opened = await openMailLog(config);
      await using open = options.dryRun ? null : await openMail();
      const lines: Line[] = [];
      const reports = openDailyReports({
        config,
        network,
        policies: dnsPolicySource(network.resolver),
        log: opened.log,
        mail: open?.mail ?? null,
        domain,
        onEvent: (event) => lines.push(lineOf(event)),
      });
      if (open === null) lines.push(...(await dueLines(await reports.due(day), network.resolver)));
      else await reports.send(day, { last: true, only: options.domain });
      const chosen = lines.filter((line) => options.domain === undefined || line.domain === options.domain);
      await printer.printAll(chosen, {
        json: (line) => ({ ...line }),
        columns,
        nothing: "no reports to send",
      });
      return chosen.some(({ sent }) => sent === false) ? EXIT.temporary : EXIT.ok;
    },
  });
}

const DAY_MS = 86_400_000;

const columns: Column<Line>[] = [
  { heading: "DOMAIN", cell: ({ domain }) => domain, yields: true },
  { heading: "TO", cell: ({ to }) => to ?? "–", yields: true },
  { heading: "MESSAGES", cell: ({ messages }) => messages?.toLocaleString("en-US") ?? "–" },
  {
    heading: "SENT",
    cell: ({ sent, problem }) =>
      sent ? "yes" : problem === null ? "no: this is a dry run" : `no: ${problem}`,
    yields: true,
  },
];

function lineOf(event: DailyReportEvent): Line {
  const { domain, to } = event;
  return event.kind === "sent"
    ? { domain, to, messages: event.messages, sent: true, problem: null, report: null }
    : { domain, to, messages: null, sent: false, problem: event.detail, report: null };
}

async function dueLines(due: readonly DueReport[], resolver: Pick<Resolver, "txt">): Promise<Line[]> {
  const lines: Line[] = [];
  for (const { report, destinations } of due) {
    const messages = report.rows.reduce((sum, { count }) => sum + count, 0);
    for (const destination of destinations) {
      const to = destination.kind === "mail" ? destination.address : destination.url.href;
      const problem = await whyNotSentTo(report.domain, destination, resolver);
      lines.push({ domain: report.domain, to, messages, sent: null, problem, report });
    }
  }
  return lines;
}

function dayArgument(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time) || dayOf(time) !== text)
    throw new InvalidArgumentError("It must be a date: 2026-11-25.");
  return text;
}
