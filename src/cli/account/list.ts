import { type Command, InvalidArgumentError } from "commander";
import type { AccountRecord, AccountState, Keyring } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { canonicalAddress } from "../administration/find-account.ts";
import { domainName } from "../administration/find-domain.ts";
import { firstOf } from "../administration/first-of.ts";
import { isoDate } from "../administration/time-text.ts";
import { countArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";

interface Options {
  readonly state?: AccountState;
  readonly after?: string;
  readonly limit?: number;
  readonly keys?: boolean;
}

const STATES: readonly AccountState[] = ["active", "suspended", "removed"];

/** So many questions about keys are under way together: a database may be far. */
const AT_ONCE = 50;

interface Row {
  readonly account: AccountRecord;
  /** Null where they were not asked for. */
  readonly kids: readonly string[] | null;
}

export function defineList(parent: Command, done: Done): void {
  const command = parent
    .command("list [DOMAIN]")
    .description("list accounts by their primary addresses")
    .option("--state STATE", `only accounts in this state: ${STATES.join(", ")}`, stateArgument)
    .option("--after ADDRESS", "begin after this primary address")
    .option("--limit N", "at most so many", countArgument)
    .option("--keys", "with the ids of their active keys, which takes longer");
  administer(command, done, {
    about: [
      "Accounts come in the order of their addresses while they are read, however many there are. Removed accounts are listed only when they are asked for.",
    ],
    examples: [
      ["vsmtp account list example.org --state suspended", "who is suspended in one domain"],
      ["vsmtp account list --json --limit 1000 --after m@example.org", "the next page for a program"],
    ],
    json: {
      address: "the primary address",
      id: "names the account in logs",
      state: "active, suspended or removed",
      state_since: "since when it is in that state",
      created_at: "when it was made",
      recipient_limit: "its own limit; null: as the settings say",
      key_lock: "whether its private keys open with its own passwords only",
      kids: "the ids of its active keys; null without --keys",
    },
    async run({ keyring, printer }, options: Options, domain: string | undefined) {
      const accounts = keyring.accounts({
        domain: domain === undefined ? null : domainName(domain),
        ...(options.state ? { state: options.state } : {}),
        after: options.after === undefined ? null : canonicalAddress(options.after),
      });
      const rows = withKeys(keyring, accounts, options.keys === true);
      await printer.printAll(options.limit === undefined ? rows : firstOf(rows, options.limit), {
        json: ({ account, kids }) => ({
          address: account.primaryAddress,
          id: account.id,
          state: account.state,
          state_since: account.stateSince,
          created_at: account.createdAt,
          recipient_limit: account.recipientLimit,
          key_lock: account.keyLock !== null,
          kids,
        }),
        columns: [
          { heading: "ADDRESS", cell: ({ account }) => account.primaryAddress, yields: true },
          { heading: "STATE", cell: ({ account }) => account.state },
          ...(options.keys
            ? [{ heading: "ACTIVE KEY", cell: ({ kids }: Row): string => kids?.join(" ") ?? "" }]
            : []),
          { heading: "SINCE", cell: ({ account }) => isoDate(account.stateSince) },
        ],
        nothing: "no accounts",
      });
    },
  });
}

async function* withKeys(
  keyring: Keyring,
  accounts: AsyncIterable<AccountRecord>,
  wanted: boolean,
): AsyncGenerator<Row> {
  let page: AccountRecord[] = [];
  const rows = (): Promise<Row[]> => Promise.all(page.map((account) => withActiveKeys(keyring, account)));
  for await (const account of accounts) {
    if (!wanted) yield { account, kids: null };
    else if (page.push(account) === AT_ONCE) {
      yield* await rows();
      page = [];
    }
  }
  yield* await rows();
}

async function withActiveKeys(keyring: Keyring, account: AccountRecord): Promise<Row> {
  const keys = await keyring.keyHistory(account.id);
  return { account, kids: keys.filter(({ state }) => state === "active").map(({ kid }) => kid) };
}

function stateArgument(text: string): AccountState {
  const state = STATES.find((one) => one === text);
  if (!state) throw new InvalidArgumentError(`It must be one of ${STATES.join(", ")}.`);
  return state;
}
