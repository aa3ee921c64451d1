import type { Command } from "commander";
import {
  type AggregateReport,
  type ReceivedReport,
  ReceivedReports,
  type ReportSummary,
  readReportFile,
  summarizeReports,
} from "../../reports/index.ts";
import { explain } from "../administration/explain.ts";
import { domainName } from "../administration/find-domain.ts";
import { Printer } from "../administration/printer.ts";
import { withStoreErrors } from "../administration/store-errors.ts";
import { timeArgument } from "../arguments.ts";
import { addConfigOption, openKeyring, readConfig } from "../configuration.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { writeOut } from "../standard-output.ts";
import { UsageError } from "../usage-error.ts";
import { summaryText } from "./summary-text.ts";

interface Options {
  readonly config?: string;
  readonly json?: boolean;
  readonly domain?: string;
  readonly reporter?: string;
  readonly since?: number;
  readonly accounts?: boolean;
}

const fields = {
  reporter: "domain of the mail system that reports",
  domain: "the domain whose mail it is about",
  begin: "from then on",
  end: "until then",
  policy: "p of the domain's record: none, quarantine, reject",
  rows: "messages that are alike: result, reason, align, rcpt, trust, k (key id), ip (client), count, action, override",
  file: "where it is",
};

export function defineShow(parent: Command, done: Done): void {
  const command = parent
    .command("show [FILE...]")
    .description("show what others report of our mail, what is wrong and what to do")
    .option("--domain NAME", "only of mail of this domain", domainName)
    .option("--reporter NAME", "only what this mail system reports", domainName)
    .option("--since WHEN", "only of this time on: a date, a time (UTC) or an age", timeArgument)
    .option("--accounts", "name the accounts that keys are of; opens the key store")
    .option("--json", "answer with JSON, one report a line, instead of a summary");
  explain(addConfigOption(command), {
    about: [
      "Without FILE it reads what came to the addresses of reports.receive in the settings. A FILE is the attachment of a report, as a mail program saves it (.json.gz); it needs no settings.",
    ],
    examples: [
      ["vsmtp report show --since 7d", "how others see our mail, this week"],
      ["vsmtp report show --since 7d --accounts", "whose mail it is that does not pass"],
      ["vsmtp report show --domain example.org --json", "every report on a domain, for a program"],
      ["vsmtp report show dest.test!example.org!1795564800!1795651200.json.gz", "a file"],
    ],
    json: fields,
  });
  command.action(async (files: readonly string[], options: Options) => {
    const printer = new Printer<keyof typeof fields>(options.json === true);
    const found = new Counts();
    const chosen = found.chosen(files.length === 0 ? storedReports(options) : readFiles(files), options);
    if (options.json === true) {
      const listing = { json: jsonObject, columns: [], nothing: "" };
      await printer.printAll(chosen, listing);
    } else {
      const summaries = await summarizeReports(reportsOf(chosen));
      const accounts = options.accounts ? await accountsOf(summaries, options) : null;
      const texts = summaries.map((summary) => summaryText(summary, accounts));
      await writeOut(texts.length === 0 ? "no reports\n" : texts.join("\n"));
    }
    for (const line of found.unreadable) process.stderr.write(`vsmtp: ${line}\n`);
    done(found.unreadable.length > 0 ? EXIT.usage : EXIT.ok);
  });
}

type Readable = ReceivedReport & { readonly ok: true };

class Counts {
  readonly unreadable: string[] = [];

  async *chosen(
    reports: AsyncIterable<ReceivedReport>,
    { domain, reporter, since }: Options,
  ): AsyncGenerator<Readable> {
    for await (const one of reports) {
      if (!one.ok) this.unreadable.push(`${one.file}: this is no report: ${one.problem}`);
      else if (
        (domain === undefined || one.report.domain === domain) &&
        (reporter === undefined || one.report.reporter === reporter) &&
        (since === undefined || one.report.end > since)
      ) {
        yield one;
      }
    }
  }
}

function storedReports(options: Options): AsyncIterable<ReceivedReport> {
  const { reports } = readConfig(options.config);
  return new ReceivedReports(reports.folder).list();
}

async function* readFiles(files: readonly string[]): AsyncGenerator<ReceivedReport> {
  for (const file of files) {
    try {
      yield await readReportFile(file);
    } catch (error) {
      throw new UsageError(`${file}: cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
}

/** The address of each key's account, as far as they are here. */
function accountsOf(
  summaries: readonly ReportSummary[],
  options: Options,
): Promise<ReadonlyMap<string, string>> {
  return withStoreErrors(async () => {
    await using open = await openKeyring(readConfig(options.config));
    const accounts = new Map<string, string>();
    for (const { name: kid } of summaries.flatMap(({ keys }) => keys)) {
      const key = await open.keyring.key(kid);
      const account = key && (await open.keyring.account(key.accountId));
      if (account) accounts.set(kid, account.primaryAddress);
    }
    return accounts;
  });
}

async function* reportsOf(reports: AsyncIterable<Readable>): AsyncGenerator<AggregateReport> {
  for await (const { report } of reports) yield report;
}

function jsonObject({ file, report }: Readable): Record<keyof typeof fields, unknown> {
  const { reporter, domain, begin, end, policy, rows } = report;
  return { reporter, domain, begin, end, policy, rows, file };
}
