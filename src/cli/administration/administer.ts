import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import type { Keyring, KeyringStore } from "../../keyring/index.ts";
import { addConfigOption, openKeyring, readConfig } from "../configuration.ts";
import type { Done } from "../run-command.ts";
import { confirm } from "./confirm.ts";
import { type Explanation, explain } from "./explain.ts";
import { Printer } from "./printer.ts";
import { withStoreErrors } from "./store-errors.ts";

/** What a command works with that reads or changes the key store. */
export interface Work<Field extends string> {
  readonly keyring: Keyring;
  readonly store: KeyringStore;
  readonly config: Config;
  readonly json: boolean;
  readonly printer: Printer<Field>;
  /** Asks before what cannot be undone; for commands with `asks`. */
  confirm(consequence: string): Promise<void>;
}

export interface Administration<Field extends string, Options, Args extends readonly unknown[]>
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

/**
 * Makes a command of everything that works on the key store: settings in `--config`, an answer for programs with
 * `--json`, consent in `--yes`. Changes reach running servers through the store (LIF-7), so that none is restarted.
 */
export function administer<Field extends string, Options, Args extends readonly unknown[]>(
  command: Command,
  done: Done,
  work: Administration<Field, Options, Args>,
): void {
  if (work.asks)
    command.option("--yes", "do not ask; without a terminal to ask on, nothing is done without it");
  command.option("--json", "answer with JSON, one object a line");
  explain(addConfigOption(command), work);
  command.action(async () => {
    const options: CommonOptions = command.opts();
    const json = options.json === true;
    const config = readConfig(options.config);
    await withStoreErrors(async () => {
      await using open = await openKeyring(config);
      const status = await work.run(
        {
          keyring: open.keyring,
          store: open.store,
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
