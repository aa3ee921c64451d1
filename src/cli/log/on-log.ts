import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import type { MailLogStore } from "../../mail-log/index.ts";
import { type StoreCommand, type StoreSource, storeCommand } from "../administration/store-command.ts";
import { withStoreErrors } from "../administration/store-errors.ts";
import { hasMailLog, openMailLog } from "../mail-log-store.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

/** What a command works with that reads the mail log. */
interface OpenedLog {
  readonly log: MailLogStore;
}

const mailLogStore: StoreSource<OpenedLog> = {
  async use(config, work) {
    if (!hasMailLog(config)) throw noLog(config);
    await withStoreErrors(async () => {
      await using open = await openMailLog(config);
      await work({ log: open.log });
    });
  },
};

/** Makes a command of everything that reads the mail log; see {@link storeCommand}. */
export function onLog<Field extends string, Options, Args extends readonly unknown[]>(
  command: Command,
  done: Done,
  work: StoreCommand<OpenedLog, Field, Options, Args>,
): void {
  storeCommand(mailLogStore, command, done, work);
}

function noLog({ store: { log }, log: { enabled } }: Config): UsageError {
  const where = log.kind === "file" ? `${log.path} is not there` : "no role here writes one";
  return new UsageError(`there is no mail log on this host: ${enabled ? where : "log.enabled is false"}`);
}
