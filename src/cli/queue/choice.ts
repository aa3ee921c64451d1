import { type Command, InvalidArgumentError } from "commander";
import type { Config } from "../../config/index.ts";
import { destinationName, type ListedMessage, type QueueFilter, type QueueStore } from "../../queue/index.ts";
import { findAccount } from "../administration/find-account.ts";
import { withStoreErrors } from "../administration/store-errors.ts";
import { timeArgument } from "../arguments.ts";
import { openKeyring, usesKeyStore } from "../configuration.ts";
import { UsageError } from "../usage-error.ts";

/** Which messages a command line means. */
export interface ChoiceOptions {
  readonly sender?: string;
  readonly recipient?: string;
  readonly destination?: string;
  readonly account?: string;
  readonly state?: NonNullable<QueueFilter["state"]>;
  readonly before?: number;
}

const STATES: readonly NonNullable<QueueFilter["state"]>[] = ["queued", "leased", "held", "deferred"];

/** Adds the options that choose messages. */
export function addChoice(command: Command): Command {
  return command
    .option("--sender ADDRESS", 'of this envelope sender; "@example.org": of a domain; "<>": of reports')
    .option("--recipient ADDRESS", 'to this recipient, who is left; "@example.org": to a domain')
    .option("--destination DOMAIN", "to this domain")
    .option("--account ADDRESS", "submitted by this account, by any of its addresses or its id")
    .option(
      "--state STATE",
      `in this state: ${STATES.join(", ")} (tried, and to be tried again)`,
      stateArgument,
    )
    .option(
      "--before WHEN",
      'that came before: a date, a time (UTC) or an age: "2026-11-25 22:08", 2h',
      timeArgument,
    );
}

export async function filterOf(
  config: Config,
  options: ChoiceOptions,
  ids: readonly string[] = [],
): Promise<QueueFilter> {
  const { sender, recipient, destination, account, state, before } = options;
  return {
    ...(ids.length > 0 ? { ids } : {}),
    ...(sender === undefined ? {} : { sender }),
    ...(recipient === undefined ? {} : { recipient }),
    ...(destination === undefined ? {} : { destination: destinationName(destination) }),
    ...(account === undefined ? {} : { account: await accountId(config, account) }),
    ...(state === undefined ? {} : { state }),
    ...(before === undefined ? {} : { before: before * 1000 }),
  };
}

/** Queued messages know the id of their account only, which outlives its addresses. */
async function accountId(config: Config, name: string): Promise<string> {
  if (!name.includes("@")) return name;
  if (!usesKeyStore(config)) {
    throw new UsageError(
      `this host has no key store that knows whose ${name} is: give the account's id, as vsmtp queue show tells it, or --sender`,
    );
  }
  return withStoreErrors(async () => {
    await using open = await openKeyring(config);
    return (await findAccount(open.keyring, name)).id;
  });
}

const PAGE = 500;

/** All that match, in order of arrival. */
export async function* matching(queue: QueueStore, filter: QueueFilter): AsyncGenerator<ListedMessage> {
  for await (const page of pages(queue, filter)) yield* page;
}

/** The same, many at a time. */
export async function* pages(
  queue: QueueStore,
  filter: QueueFilter,
): AsyncGenerator<readonly ListedMessage[]> {
  for (let after: string | undefined; ; ) {
    const page = await queue.list(filter, PAGE, after);
    if (page.length > 0) yield page;
    after = page.at(-1)?.id;
    if (after === undefined || page.length < PAGE) return;
  }
}

function stateArgument(text: string): NonNullable<QueueFilter["state"]> {
  const state = STATES.find((one) => one === text);
  if (!state) throw new InvalidArgumentError(`It must be one of ${STATES.join(", ")}.`);
  return state;
}
