import { Command, CommanderError, type Option } from "commander";
import { EXIT } from "./exit-status.ts";
import { UsageError } from "./usage-error.ts";

/**
 * A command is a file beside this one, loaded only when it runs. Its `define` adds arguments, options (written
 * as manual pages do: `--key FILE`), subcommands and actions. An action tells `done` the exit status when it is
 * not EXIT.ok, and throws a UsageError for what the user can mend. The program ends when the action's promise
 * is settled and nothing is left to do.
 */
export interface CommandFile {
  define(command: Command, done: (status: number) => void): void;
  /** Puts the command line in order before it is read. */
  arrange?(args: readonly string[]): readonly string[];
}

/** Commander takes `--key FILE` for an option without a value; it wants `--key <FILE>`. */
class ManualStyleCommand extends Command {
  override createCommand(name?: string): Command {
    return new ManualStyleCommand(name);
  }

  override createOption(flags: string, description?: string): Option {
    return super.createOption(flags.replace(/ ([A-Z]\S*)$/, " <$1>"), description);
  }
}

/** @returns the exit status */
export async function runCommand(
  name: string,
  summary: string,
  file: CommandFile,
  args: readonly string[],
): Promise<number> {
  const command = new ManualStyleCommand(`vsmtp ${name}`).description(summary);
  // Errors are one line on standard error, written in one place; subcommands inherit all of this.
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({ optionTerm: ({ flags }) => plainFlags(flags) });
  let status: number = EXIT.ok;
  file.define(command, (result) => {
    status = result;
  });
  try {
    await command.parseAsync(file.arrange?.(args) ?? args, { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok; // --help was printed
    throw new UsageError(`${describe(error, command)} (vsmtp ${name} --help tells more)`);
  }
}

function describe(error: CommanderError, command: Command): string {
  if (error.code === "commander.help") {
    return `a subcommand is missing: ${command.commands.map((subcommand) => subcommand.name()).join(", ")}`;
  }
  return plainFlags(error.message.replace(/^error: /, "").replaceAll("\n", " "));
}

function plainFlags(text: string): string {
  return text.replace(/<([A-Z][^<>]*)>/g, "$1");
}
