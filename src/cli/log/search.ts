import { type Command, InvalidArgumentError } from "commander";
import type { LoggedMessage, MailLogFilter, MailLogStore } from "../../mail-log/index.ts";
import { firstOf } from "../administration/first-of.ts";
import type { Listing } from "../administration/printer.ts";
import type { Column } from "../administration/table.ts";
import { countArgument, ipArgument, timeArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { oneOf, RESULTS, reasonArgument, resultArgument } from "../verdicts.ts";
import { messageFields, messageObject } from "./message-object.ts";
import { onLog } from "./on-log.ts";
import { fromText, signerText, timeText, toText, verdictText } from "./text.ts";

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly identity?: string;
  readonly kid?: string;
  readonly verdict?: string;
  readonly reason?: string;
  readonly action?: string;
  readonly client?: string;
  readonly domain?: string;
  readonly messageId?: string;
  readonly direction?: "in" | "out";
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly all?: boolean;
}

const USUAL_LIMIT = 50;
const PAGE = 500;

const ACTIONS = ["deliver", "tag", "quarantine", "discard", "reject", "defer"];
const DIRECTIONS = ["in", "out"];

export function defineSearch(parent: Command, done: Done): void {
  const command = parent
    .command("search")
    .description("find messages, the newest first")
    .option(
      "--from ADDRESS",
      'whose From, envelope sender or account is this; "@example.org": of a domain',
      address,
    )
    .option("--to ADDRESS", "to this recipient; or to a domain's", address)
    .option("--identity ADDRESS", "signed by this account; or by a domain's", address)
    .option("--kid KID", "signed by this key")
    .option("--verdict RESULT", `with this result: ${RESULTS.join(", ")}`, resultArgument)
    .option(
      "--reason REASON",
      "that did not pass for this reason: revoked, body, unsigned, ...",
      reasonArgument,
    )
    .option("--action ACTION", `what was done: ${ACTIONS.join(", ")}`, oneOf(ACTIONS, "action"))
    .option("--client ADDRESS", "that came from this network address", ipArgument)
    .option("--domain NAME", "whose From, envelope sender or identity is of this domain")
    .option("--message-id ID", "with this Message-ID, letter for letter", angled)
    .option(
      "--direction DIRECTION",
      "in: from other servers; out: handed in by users",
      oneOf(DIRECTIONS, "direction"),
    )
    .option(
      "--since WHEN",
      'a date, a time (UTC) or an age: 2026-11-25, "2026-11-25 22:08", 2h',
      timeArgument,
    )
    .option("--until WHEN", "the same, for the end", timeArgument)
    .option("--limit N", `at most N messages (${USUAL_LIMIT})`, countArgument)
    .option("--all", "every one, however many there are");
  onLog(command, done, {
    about: [
      "All that is given must hold. Entries are there within a second, and as long as log.keep says. A verdict and an action are known of mail that came in; of what users handed in, who wrote it to whom. vsmtp log show tells the rest.",
    ],
    examples: [
      ["vsmtp log search --to bob@example.org --since 1d", "where is the mail that he waits for?"],
      [
        "vsmtp log search --from @partner.example --verdict fail",
        "what of a partner's mail does not pass, and why",
      ],
      ["vsmtp log search --action reject --reason unsigned --since 7d --all --json", "for a program"],
      ["vsmtp log search --direction out --from alice@example.org", "what a user sent"],
    ],
    json: messageFields,
    async run({ log, printer }, options: Options) {
      const limit = options.all ? Number.POSITIVE_INFINITY : (options.limit ?? USUAL_LIMIT);
      await printer.printAll(firstOf(matching(log, filterOf(options)), limit), listing);
    },
  });
}

const columns: readonly Column<LoggedMessage>[] = [
  { heading: "TIME", cell: ({ at }) => timeText(at) },
  { heading: "ID", cell: ({ id }) => id },
  { heading: "VERDICT", cell: verdictText },
  { heading: "ACTION", cell: (message) => (message.direction === "in" ? message.action : "queued") },
  { heading: "CLIENT", cell: ({ client }) => client },
  { heading: "FROM", cell: fromText, yields: true },
  { heading: "TO", cell: toText, yields: true },
  { heading: "SIGNED BY", cell: signerText, yields: true },
];

const listing: Listing<keyof typeof messageFields, LoggedMessage> = {
  json: messageObject,
  columns,
  nothing: "no such messages",
};

function filterOf(options: Options): MailLogFilter {
  const { verdict, since, until, limit: _limit, all: _all, ...same } = options;
  const { from, to, identity, kid, reason, action, client, domain, messageId, direction } = same;
  return {
    ...given({ from, to, identity, kid, reason, action, client, domain, messageId, direction }),
    ...(verdict === undefined ? {} : { result: verdict }),
    ...(since === undefined ? {} : { since: since * 1000 }),
    ...(until === undefined ? {} : { until: until * 1000 }),
  };
}

function given<T extends object>(values: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const some = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(some) as { [Name in keyof T]?: NonNullable<T[Name]> };
}

async function* matching(log: MailLogStore, filter: MailLogFilter): AsyncGenerator<LoggedMessage> {
  for (let before: string | undefined; ; ) {
    const page = await log.search(filter, PAGE, before);
    yield* page;
    before = page.at(-1)?.id;
    if (before === undefined || page.length < PAGE) return;
  }
}

function address(text: string): string {
  if (text === "" || !text.includes("@")) {
    throw new InvalidArgumentError('It must be an address, or "@" and a domain: @example.org.');
  }
  return text;
}

/** People copy it with its brackets or without. */
function angled(text: string): string {
  return /^<.*>$/.test(text) ? text : `<${text}>`;
}
