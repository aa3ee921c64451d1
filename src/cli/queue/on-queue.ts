import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import { type QueueStore, QueueStoreError } from "../../queue/index.ts";
import { SpoolError } from "../../spool/index.ts";
import { StoreMismatchError } from "../../store/index.ts";
import { type StoreCommand, type StoreSource, storeCommand } from "../administration/store-command.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import { hasQueue, openQueue } from "../queue-store.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

/** What a command works with that reads or changes the queue. */
interface OpenedQueue {
  readonly queue: QueueStore;
}

const queueStore: StoreSource<OpenedQueue> = {
  async use(config, work) {
    if (!hasQueue(config)) throw noQueue(config);
    await withQueueErrors(async () => {
      await using open = await openQueue(config);
      await work({ queue: open.queue });
    });
  },
};

/** Makes a command of everything that works on the queue; see {@link storeCommand}. */
export function onQueue<Field extends string, Options, Args extends readonly unknown[]>(
  command: Command,
  done: Done,
  work: StoreCommand<OpenedQueue, Field, Options, Args>,
): void {
  storeCommand(queueStore, command, done, work);
}

function noQueue({ store: { queue } }: Config): UsageError {
  const where = queue.kind === "file" ? `${queue.path} is not there` : "no role here uses one";
  return new UsageError(`there is no queue on this host: ${where}`);
}

/** Where the queue cannot be used, or not now, one line says so and ends the command. */
async function withQueueErrors(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreMismatchError) throw new UsageError(error.message);
    if (error instanceof SpoolError) throw broken(error);
    if (!(error instanceof QueueStoreError)) throw error;
    if (error.kind === "broken") throw broken(error);
    throw new EndError(`${error.message}; the last step was not done, try again`, EXIT.temporary, error);
  }
}

function broken(error: Error): EndError {
  return new EndError(`${error.message}; check [store] in the settings, and the disk`, EXIT.usage, error);
}
