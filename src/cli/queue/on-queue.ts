import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import { type QueueStore, QueueStoreError } from "../../queue/index.ts";
import { SpoolError } from "../../spool/index.ts";
import { StoreMismatchError } from "../../store/index.ts";
import { confirm } from "../administration/confirm.ts";
import { type Explanation, explain } from "../administration/explain.ts";
import { Printer } from "../administration/printer.ts";
import { addConfigOption, readConfig } from "../configuration.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import { hasQueue, openQueue } from "../queue-store.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

/** What a command works with that reads or changes the queue. */
export interface Work<Field extends string> {
  readonly queue: QueueStore;
  readonly config: Config;
  readonly json: boolean;
  readonly printer: Printer<Field>;
  /** Asks before what cannot be undone; for commands with `asks`. */
  confirm(consequence: string): Promise<void>;
}

export interface QueueCommand<Field extends string, Options, Args extends readonly unknown[]>
  extends Explanation<Field> {
  /** It does what cannot be undone, and takes `--yes`. */
  readonly asks?: true;
  /** @returns the exit status; nothing means EXIT.ok */
  run(work: Work<Field>, options: Options, ...args: Args): Promise<number> | Promise<void>;
}

interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** Makes a command of everything that works on the queue, beside the servers that use it. */
export function onQueue<Field extends string, Options, Args extends readonly unknown[]>(
  command: Command,
  done: Done,
  work: QueueCommand<Field, Options, Args>,
): void {
  if (work.asks)
    command.option("--yes", "do not ask; without a terminal to ask on, nothing is done without it");
  command.option("--json", "answer with JSON, one object a line");
  explain(addConfigOption(command), work);
  command.action(async () => {
    const options: CommonOptions = command.opts();
    const json = options.json === true;
    const config = readConfig(options.config);
    if (!hasQueue(config)) {
      const { queue } = config.store;
      const where = queue.kind === "file" ? `${queue.path} is not there` : "no role here uses one";
      throw new UsageError(`there is no queue on this host: ${where}`);
    }
    await withQueueErrors(async () => {
      await using open = await openQueue(config);
      const status = await work.run(
        {
          queue: open.queue,
          config,
          json,
          printer: new Printer(json),
          confirm: (consequence) => confirm(consequence, options.yes === true),
        },
        options as Options,
        ...(command.processedArgs as unknown as Args),
      );
      if (typeof status === "number") done(status);
    });
  });
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
