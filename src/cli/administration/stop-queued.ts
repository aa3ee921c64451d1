import { type Command, InvalidArgumentError } from "commander";
import { type Config, usesQueue } from "../../config/index.ts";
import { type KeyringStore, KeyStanding } from "../../keyring/index.ts";
import {
  type ListedMessage,
  orderAll,
  type QueueOrder,
  type QueueStore,
  QueueStoreError,
} from "../../queue/index.ts";
import { SpoolError } from "../../spool/index.ts";
import { StoreMismatchError } from "../../store/index.ts";
import { hasQueue, openQueue } from "../queue-store.ts";
import { countText } from "./count-text.ts";

// Suspending and re-keying reach what waits in this host's queue at once; delivery looks before each attempt all the same.

export type Fate = "hold" | "remove" | "leave";

/** What became of queued mail. */
export interface StoppedMail {
  readonly fate: Fate;
  /** Null: nobody looked, or could look. */
  readonly messages: number | null;
  /** Why it was not done; null where it was, or was not to be. */
  readonly problem: string | null;
}

export const stoppedFields = {
  queued: "what was to become of its mail in this host's queue: hold, remove or leave",
  queued_messages:
    "how many messages it happened to; null: they were left alone, there is no queue here, or it could not be used",
  queued_problem: "why the queue could not be used; null: it could",
} as const;

export function stoppedObject({
  fate,
  messages,
  problem,
}: StoppedMail): Record<keyof typeof stoppedFields, unknown> {
  return { queued: fate, queued_messages: messages, queued_problem: problem };
}

export interface QueuedOption {
  readonly queued?: Fate;
}

/** Adds `--queued FATE`. */
export function addQueuedOption(command: Command): Command {
  return command.option(
    "--queued FATE",
    "what becomes of its mail in this host's queue: hold, remove or leave (submission.stopped_mail)",
    (text: string): Fate => {
      if (text === "hold" || text === "remove" || text === "leave") return text;
      throw new InvalidArgumentError("It must be hold, remove or leave.");
    },
  );
}

/** Whose mail is stopped. */
export type Stopped =
  /** All that an account sent. */
  | { readonly account: string }
  /** What was signed by keys that are not good any more, of one account or of all. */
  | { readonly keysOf: string | null; readonly store: KeyringStore };

/** How many messages one transaction takes, so that the servers on this queue need not wait. */
const AT_A_TIME = 500;

/** Stops mail that waits in this host's queue. What was changed in the key store holds whatever becomes of this. */
export async function stopQueued(
  config: Config,
  { queued }: QueuedOption,
  what: Stopped,
): Promise<StoppedMail> {
  const fate = queued ?? config.submission.stoppedMail;
  if (fate === "leave") return { fate, messages: null, problem: null };
  if (!hasQueue(config)) return { fate, messages: usesQueue(config.roles) ? 0 : null, problem: null };
  const order: QueueOrder = fate === "hold" ? { kind: "hold", because: HELD_BECAUSE } : { kind: "remove" };
  try {
    await using open = await openQueue(config);
    const messages =
      "account" in what
        ? await orderAll(open.queue, { account: what.account }, order, Date.now())
        : await stopSigned(open.queue, what.keysOf, new KeyStanding(what.store), order);
    return { fate, messages, problem: null };
  } catch (error) {
    const isExpected =
      error instanceof QueueStoreError || error instanceof SpoolError || error instanceof StoreMismatchError;
    if (!isExpected) throw error;
    return { fate, messages: null, problem: error.message };
  }
}

const HELD_BECAUSE = "its account was suspended, removed or re-keyed: what it signed is refused everywhere";

async function stopSigned(
  queue: QueueStore,
  account: string | null,
  keys: KeyStanding,
  order: QueueOrder,
): Promise<number> {
  let messages = 0;
  let after: string | undefined;
  for (;;) {
    const page = await queue.list(account === null ? {} : { account }, AT_A_TIME, after);
    after = page.at(-1)?.id;
    if (after === undefined) return messages;
    const ids: string[] = [];
    for (const message of page) if (await isStopped(message, keys)) ids.push(message.id);
    if (ids.length > 0) messages += await queue.order({ ids }, order, Date.now(), ids.length);
  }
}

async function isStopped({ kids }: ListedMessage, keys: KeyStanding): Promise<boolean> {
  for (const kid of kids) {
    const state = await keys.stateOf(kid);
    if (state !== "active" && state !== "retired") return true;
  }
  return false;
}

/** For people. @param account as vsmtp queue list takes it; null: many */
export function stoppedText({ fate, messages, problem }: StoppedMail, account: string | null): string {
  const next = "delivery stops it when it is due next";
  if (problem !== null) return `What waits in this host's queue was NOT stopped: ${problem}. But ${next}.`;
  if (fate === "leave") return `What waits in this host's queue was left alone; ${next}.`;
  if (messages === null) return `VSMTP has no queue on this host; where mail waits, ${next}.`;
  if (messages === 0) return "Nothing of it waits in this host's queue.";
  const what = `${countText(messages, "message")} in this host's queue ${messages === 1 ? "is" : "are"}`;
  if (fate === "remove") return `${what} removed.`;
  return `${what} held: vsmtp queue list ${account === null ? "--state held" : `--account ${account}`}`;
}
