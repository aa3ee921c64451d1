import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import {
  type ListedMessage,
  orderAll,
  type QueueFilter,
  type QueueOrder,
  type QueueStore,
} from "../../queue/index.ts";
import { countText } from "../administration/count-text.ts";
import { showProgress } from "../administration/progress.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { writeDown } from "../write-down.ts";
import { addChoice, type ChoiceOptions, filterOf, matching, pages } from "./choice.ts";
import { onQueue } from "./on-queue.ts";

export interface OrderOptions {
  readonly all?: boolean;
  readonly because?: string;
}

/** Among which messages a command chooses, and how. */
export interface Choice<Options> {
  /** After "no such message". */
  readonly where: string;
  /** Adds the options that choose. */
  add(command: Command): Command;
  /** @returns the messages, and whether anything was said that chooses */
  filterOf(
    config: Config,
    options: Options,
    ids: readonly string[],
  ): Promise<{ readonly filter: QueueFilter; readonly chosen: boolean }>;
}

const inQueue: Choice<ChoiceOptions> = {
  where: "in the queue",
  add: addChoice,
  async filterOf(config, options, ids) {
    const filter = await filterOf(config, options, ids);
    return { filter, chosen: Object.keys(filter).length > 0 };
  },
};

/** What one of the commands does to messages. */
export interface Verb {
  readonly summary: string;
  readonly about: readonly string[];
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** It cannot be undone. */
  readonly asks?: true;
  /** `is held` and `are held`, after a number of messages. */
  readonly outcome: { readonly one: string; readonly many: string };
  order(options: OrderOptions): QueueOrder;
  /** Writes down for which messages it was carried out. @param at Unix milliseconds, before anything came of it */
  note?(config: Config, messages: readonly ListedMessage[], at: number): Promise<void>;
}

/** Nobody reads more digits before saying yes. */
const COUNTED_AT_MOST = 10_000;

const RUNNING =
  "A running server follows within seconds. What delivery is at when the order comes gets it when that attempt ends.";

const verbs: Readonly<Record<QueueOrder["kind"], Verb>> = {
  retry: {
    summary: "try messages now instead of when they are due",
    about: [
      `Their destinations' rests end too. Held messages stay held: vsmtp queue release lets them go. ${RUNNING}`,
    ],
    examples: [
      ["vsmtp queue retry --destination example.net", "that domain's servers are back"],
      ["vsmtp queue retry --all", "the network is back"],
    ],
    outcome: { one: "is due now", many: "are due now" },
    order: () => ({ kind: "retry" }),
  },
  hold: {
    summary: "keep messages here until they are released",
    about: [`Their time runs on: held mail that is released too late is given up. ${RUNNING}`],
    examples: [
      ['vsmtp queue hold --sender mallory@example.org --because "ticket 4711"', "looks like a spam run"],
    ],
    outcome: { one: "is held", many: "are held" },
    order: ({ because }) => ({ kind: "hold", because: because ?? "held by the operator" }),
  },
  release: {
    summary: "let held messages go",
    about: [
      `Mail that was signed with a key that is revoked or suspended by now is stopped again: every receiver would refuse it. ${RUNNING}`,
    ],
    examples: [["vsmtp queue release 1M85MSH588YTNX5W", "it was a false alarm"]],
    outcome: { one: "waits for delivery again", many: "wait for delivery again" },
    order: () => ({ kind: "release" }),
  },
  bounce: {
    summary: "give messages up and tell their senders",
    about: [`Their senders get a report for the recipients that are left. ${RUNNING}`],
    examples: [["vsmtp queue bounce --destination exmaple.net", "a domain that does not exist"]],
    asks: true,
    outcome: { one: "goes back to its sender", many: "go back to their senders" },
    order: () => ({ kind: "bounce" }),
  },
  remove: {
    summary: "delete messages without a word",
    about: [`Nobody is told, and nothing is kept but the mail log's entry. ${RUNNING}`],
    examples: [
      ["vsmtp queue remove --account mallory@example.org --state held", "what a spammer left behind"],
    ],
    asks: true,
    outcome: { one: "is removed", many: "are removed" },
    order: () => ({ kind: "remove" }),
    note: (config, messages, at) => writeDown(config, messages, "removed", { from: "the queue", at }),
  },
};

const fields = { order: "what was ordered", messages: "how many messages it was carried out for" } as const;

/** `vsmtp queue retry`, `hold`, `release`, `bounce` and `remove`. */
export function defineOrders(parent: Command, done: Done): void {
  for (const [name, verb] of Object.entries(verbs)) defineOrder(parent, done, name, verb, inQueue);
}

/** One command that carries an order out. */
export function defineOrder<Options>(
  parent: Command,
  done: Done,
  name: string,
  verb: Verb,
  choice: Choice<Options>,
): void {
  const command = choice
    .add(parent.command(`${name} [ID...]`).description(verb.summary))
    .option("--all", "every message, instead of ids or the options above");
  if (name === "hold") command.option("--because TEXT", "why, for vsmtp queue list");
  onQueue(command, done, {
    ...(verb.asks ? { asks: true as const } : {}),
    about: verb.about,
    examples: verb.examples,
    json: fields,
    async run(
      { queue, config, json, printer, confirm },
      options: Options & OrderOptions,
      ids: readonly string[],
    ) {
      const { filter, chosen } = await choice.filterOf(config, options, ids);
      if (chosen === (options.all === true)) {
        throw new UsageError(
          chosen
            ? "say which messages, or --all, not both"
            : "say which messages: ids, options that choose, or --all",
        );
      }
      const missing = await missingIds(queue, filter.state, ids);
      for (const id of missing) process.stderr.write(`vsmtp: ${id}: no such message ${choice.where}\n`);
      const question = verb.asks ? await consequence(queue, filter, verb) : null;
      if (question !== null) await confirm(question);
      const { note } = verb;
      const noted = note && ((some: readonly ListedMessage[], at: number) => note(config, some, at));
      const messages = await carryOut(queue, filter, verb.order(options), json, noted);
      await printer.print({ order: name, messages }, sentence(messages, verb));
      return missing.length > 0 ? EXIT.usage : EXIT.ok;
    },
  });
}

async function carryOut(
  queue: QueueStore,
  filter: QueueFilter,
  order: QueueOrder,
  json: boolean,
  noted: ((messages: readonly ListedMessage[], at: number) => Promise<void>) | undefined,
): Promise<number> {
  const progress = await showProgress(order.kind, "messages", json);
  const onStep = (messages: number): void => progress.report(messages, null);
  try {
    if (noted === undefined) return await orderAll(queue, filter, order, Date.now(), onStep);
    let messages = 0;
    for await (const some of pages(queue, { before: Date.now(), ...filter })) {
      const ids = some.map(({ id }) => id);
      const now = Date.now();
      messages += await orderAll(queue, { ...filter, ids }, order, now);
      await noted(some, now);
      onStep(messages);
    }
    return messages;
  } finally {
    progress.end();
  }
}

async function missingIds(
  queue: QueueStore,
  state: QueueFilter["state"],
  ids: readonly string[],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const among = state === "quarantined" ? { ids, state } : { ids };
  const there = new Set<string>();
  for await (const { id } of matching(queue, among)) there.add(id);
  return ids.filter((id) => !there.has(id));
}

/** Null: there is nothing to ask about. */
async function consequence(queue: QueueStore, filter: QueueFilter, verb: Verb): Promise<string | null> {
  let count = 0;
  for await (const _ of matching(queue, filter)) if (++count > COUNTED_AT_MOST) break;
  if (count > COUNTED_AT_MOST) {
    return `More than ${countText(COUNTED_AT_MOST, "message")} ${verb.outcome.many}.`;
  }
  return count === 0 ? null : sentence(count, verb);
}

function sentence(messages: number, { outcome }: Verb): string {
  if (messages === 0) return "No message matches, or they all are so already.";
  return `${countText(messages, "message")} ${messages === 1 ? outcome.one : outcome.many}.`;
}
