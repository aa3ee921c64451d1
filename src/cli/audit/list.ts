import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { type AuditFilter, type AuditRecord, auditObject, type Keyring } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import type { Listing } from "../administration/printer.ts";
import { countArgument, timeArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { stopSignal } from "../stop-signal.ts";

const PAGE = 1000;
const FOLLOW_EVERY_MS = 500;
const USUAL_LIMIT = 100;

interface Options {
  readonly since?: number;
  readonly until?: number;
  readonly account?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly limit?: number;
  readonly all?: boolean;
  readonly follow?: boolean;
}

const fields = {
  sequence: "the entry's number: 1, 2, 3 without gaps",
  at_ms: "when, in Unix milliseconds",
  actor: "who: cli:USER, ss:NAME (an enrolled submission server), submission, system",
  action: "what: object and verb, such as account.suspend; auth, sign, getkey",
  account: "the account's id; null: none",
  subject: "the address, domain or enrolment that it was done to or as; null: none",
  kid: "the id of the key; null: none",
  message_id_hash: "names the message without telling its Message-ID; null: none",
  recipients: "how many; null: none",
  client: "the user's network address; null: none",
  outcome: "ok, or why not",
  detail: "further words for people; null: none",
  chain: "proves the entry and all before it, hexadecimal",
} as const;

const listing: Listing<keyof typeof fields, AuditRecord> = {
  json: auditObject,
  columns: [
    { heading: "NO", cell: ({ sequence }) => String(sequence) },
    { heading: "TIME", cell: ({ at }) => new Date(at).toISOString().slice(0, 19).replace("T", " ") },
    { heading: "ACTOR", cell: ({ actor }) => actor },
    { heading: "ACTION", cell: ({ action }) => action },
    { heading: "OUTCOME", cell: ({ outcome }) => outcome },
    { heading: "SUBJECT", cell: ({ subject }) => subject ?? "–" },
    { heading: "KEY", cell: ({ kid }) => kid ?? "–" },
    { heading: "RCPTS", cell: ({ recipients }) => recipients?.toString() ?? "–" },
    { heading: "CLIENT", cell: ({ client }) => client ?? "–" },
    { heading: "DETAIL", cell: ({ detail }) => detail ?? "", yields: true },
  ],
  nothing: "no such entries",
};

export function defineList(parent: Command, done: Done): void {
  const command = parent
    .command("list")
    .description("list who did what, the newest entries last")
    .option(
      "--since WHEN",
      'a date, a time (UTC) or an age: 2026-11-25, "2026-11-25 22:08", 2h',
      timeArgument,
    )
    .option("--until WHEN", "the same, for the end", timeArgument)
    .option("--account ADDRESS", "only what concerns this account, by any of its addresses or its id")
    .option("--action ACTION", '"key" finds key.rotate and all others of its kind')
    .option("--outcome OUTCOME", '"ok", or why something was refused: rejected, suspended, limit, policy')
    .option("--limit N", `the newest N entries (${USUAL_LIMIT})`, countArgument)
    .option("--all", "every entry, from the oldest")
    .option("--follow", "go on with new entries as they come, until it is stopped");
  administer(command, done, {
    about: ["No secrets and no text of messages are in the log (PRV-21)."],
    examples: [
      ["vsmtp audit list --action auth --outcome rejected --since 1h", "somebody tries passwords?"],
      ["vsmtp audit list --account mallory@example.org --follow", "what an account does, live"],
      ["vsmtp audit list --all --json > audit.jsonl", "for keeping elsewhere"],
    ],
    json: fields,
    async run({ keyring, printer }, options: Options) {
      const filter = await filterOf(keyring, options);
      const entries = options.all
        ? everyEntry(keyring, filter)
        : await keyring.audit({ ...filter, limit: options.limit ?? USUAL_LIMIT, newest: true });
      if (!options.follow) return printer.printAll(entries, listing);
      const print = printer.pagePrinter(listing);
      let last = 0;
      for await (const entry of entries) {
        await print([entry]);
        last = entry.sequence;
      }
      await follow(keyring, filter, last, print);
    },
  });
}

async function filterOf(keyring: Keyring, options: Options): Promise<Omit<AuditFilter, "limit">> {
  const { since, until, account: name, action, outcome } = options;
  const account = name === undefined ? null : await findAccount(keyring, name);
  return {
    ...(since === undefined ? {} : { since: since * 1000 }),
    ...(until === undefined ? {} : { until: until * 1000 }),
    ...(account === null ? {} : { account: account.id }),
    ...(action === undefined ? {} : { action }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

async function* everyEntry(
  keyring: Keyring,
  filter: Omit<AuditFilter, "limit">,
): AsyncGenerator<AuditRecord, void, undefined> {
  for (let after = 0; ; ) {
    const page = await keyring.audit({ ...filter, after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.sequence;
  }
}

/** Looks for entries after one number until the program is told to stop. */
async function follow(
  keyring: Keyring,
  filter: Omit<AuditFilter, "limit">,
  start: number,
  print: (page: readonly AuditRecord[]) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  for (let after = start; !stop.signal.aborted; ) {
    const head = await keyring.auditHead();
    const page = head.sequence > after ? await keyring.audit({ ...filter, after, limit: PAGE }) : [];
    if (page.length > 0) await print(page);
    const last = page.at(-1)?.sequence ?? after;
    // Whatever stands before the head and does not fit the filter need not be looked at again.
    after = page.length === PAGE ? last : Math.max(last, head.sequence);
    if (page.length < PAGE) await setTimeout(FOLLOW_EVERY_MS, null, { signal: stop.signal }).catch(() => {});
  }
}
