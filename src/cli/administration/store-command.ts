import type { Command } from "commander";
import type { Config } from "../../config/index.ts";
import { addConfigOption, readConfig } from "../configuration.ts";
import type { Done } from "../run-command.ts";
import { confirm } from "./confirm.ts";
import { type Explanation, explain } from "./explain.ts";
import { Printer } from "./printer.ts";

/** What every command has that works on a store of an installation. */
export interface StoreWork<Field extends string> {
  readonly config: Config;
  readonly json: boolean;
  readonly printer: Printer<Field>;
  /** Asks before what cannot be undone; for commands with `asks`. */
  confirm(consequence: string): Promise<void>;
}

export interface StoreCommand<Opened, Field extends string, Options, Args extends readonly unknown[]>
  extends Explanation<Field> {
  /** It does what cannot be undone, and takes `--yes`. */
  readonly asks?: true;
  /** @returns the exit status; nothing means EXIT.ok */
  run(work: Opened & StoreWork<Field>, options: Options, ...args: Args): Promise<number> | Promise<void>;
}

/** A store, beside the servers that use it. */
export interface StoreSource<Opened> {
  /**
   * Opens it, works and closes it. Where it cannot be used, or not now, one line says so and ends the command: a UsageError or
   * an EndError.
   */
  use(config: Config, work: (opened: Opened) => Promise<void>): Promise<void>;
}

interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/**
 * Makes a command of everything that works on a store: settings in `--config`, an answer for programs with `--json`,
 * consent in `--yes`. What it changes reaches running servers through the store (LIF-7), so that none is restarted.
 */
export function storeCommand<Opened, Field extends string, Options, Args extends readonly unknown[]>(
  source: StoreSource<Opened>,
  command: Command,
  done: Done,
  work: StoreCommand<Opened, Field, Options, Args>,
): void {
  if (work.asks)
    command.option("--yes", "do not ask; without a terminal to ask on, nothing is done without it");
  command.option("--json", "answer with JSON, one object a line");
  explain(addConfigOption(command), work);
  command.action(async () => {
    const options: CommonOptions = command.opts();
    const json = options.json === true;
    const config = readConfig(options.config);
    await source.use(config, async (opened) => {
      const common: StoreWork<Field> = {
        config,
        json,
        printer: new Printer(json),
        confirm: (consequence) => confirm(consequence, options.yes === true),
      };
      const args = command.processedArgs as unknown as Args;
      const status = await work.run({ ...opened, ...common }, options as Options, ...args);
      if (typeof status === "number") done(status);
    });
  });
}
