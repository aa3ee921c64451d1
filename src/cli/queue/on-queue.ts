import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import type { QueueStore } from "../../queue/index.ts";
import { type StoreCommand, type StoreSource, storeCommand } from "../administration/store-command.ts";
import { withStoreErrors } from "../administration/store-errors.ts";
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
    await withStoreErrors(async () => {
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
