import { Command, CommanderError, type Option } from "commander";
import { EXIT } from "./exit-status.ts";
import { UsageError } from "./usage-error.ts";

/** Tells the exit status of a command, when it is not EXIT.ok. */
export type Done = (status: number) => void;

/**
 * A command is a file or folder beside this one, loaded only when it runs. Its `define` adds arguments, options
 * (written as manual pages do: `--key FILE`), subcommands and actions. An action throws a UsageError for what the
 * user can mend. The program ends when the action's promise is settled and nothing is left to do.
 */
export interface CommandFile {
  define(command: Command, done: Done): void;
  /** Puts the command line in order before it is read. */
  arrange?(args: readonly string[]): readonly string[];
}

/** Commander takes `--key FILE` for an option without a value; it wants `--key <FILE>`. */
class ManualStyleCommand extends Command {
  override createCommand(name?: string): Command {
    return new ManualStyleCommand(name).helpCommand(false);
  }

  override createOption(flags: string, description?: string): Option {
    return super.createOption(flags.replace(/ ([A-Z]\S*)$/, " <$1>"), description);
  }
}

/** The command with everything its file adds to it, ready to read a command line. */
export function buildCommand(name: string, summary: string, file: CommandFile, done: Done): Command {
  const command = new ManualStyleCommand(`vsmtp ${name}`).helpCommand(false).description(summary);
  // Errors are one line on standard error, written in one place; subcommands inherit all of this.
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({
      commandUsage: (one) => usage(one),
      optionTerm: ({ flags }) => plainFlags(flags),
      subcommandTerm: (subcommand) => [subcommand.name(), ...argumentTerms(subcommand)].join(" "),
      subcommandDescription: (subcommand) => subcommand.summary() || subcommand.description(),
    });
  file.define(command, done);
  return command;
}

/** @returns the exit status */
export async function runCommand(
  name: string,
  summary: string,
  file: CommandFile,
  args: readonly string[],
): Promise<number> {
  let status: number = EXIT.ok;
  const command = buildCommand(name, summary, file, (result) => {
    status = result;
  });
  try {
    await command.parseAsync(file.arrange?.(args) ?? args, { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok; // --help was printed
    const meant = meantCommand(command, args);
    const path = meant === command ? "" : ` ${pathBelow(command, meant)}`;
    throw new UsageError(`${describe(error, meant)} (vsmtp ${name}${path} --help tells more)`);
  }
}

/** How far down the command line names subcommands. */
function meantCommand(command: Command, args: readonly string[]): Command {
  const [name, ...rest] = args;
  const subcommand = command.commands.find((one) => one.name() === name);
  return subcommand ? meantCommand(subcommand, rest) : command;
}

function pathBelow(top: Command, command: Command): string {
  const parent = command.parent;
  return parent === null || parent === top ? command.name() : `${pathBelow(top, parent)} ${command.name()}`;
}

function describe(error: CommanderError, command: Command): string {
  if (error.code === "commander.help") {
    return `a subcommand is missing: ${command.commands.map((subcommand) => subcommand.name()).join(", ")}`;
  }
  return plainFlags(error.message.replace(/^error: /, "").replaceAll("\n", " "));
}

/** A command line as manual pages write it: `vsmtp key rotate [OPTION]… [ADDRESS…]`. */
export function usage(command: Command): string {
  const names = [command.name()];
  for (let parent = command.parent; parent !== null; parent = parent.parent) names.unshift(parent.name());
  if (command.commands.length > 0) return [...names, "COMMAND"].join(" ");
  return [...names, "[OPTION]…", ...argumentTerms(command)].join(" ");
}

function argumentTerms(command: Command): string[] {
  return command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "…" : ""}`;
    return argument.required ? name : `[${name}]`;
  });
}

function plainFlags(text: string): string {
  return text.replace(/<([A-Z][^<>]*)>/g, "$1");
}
