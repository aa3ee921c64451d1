import { commandTable, findCommand } from "./command-table.ts";
import { EndError } from "./end-error.ts";
import { EXIT } from "./exit-status.ts";
import { programVersion } from "./program-version.ts";
import { UsageError } from "./usage-error.ts";

// Only the file of the command that runs is loaded, so that `vsmtp sign` in a shell loop does not pay for
// servers it never starts, and --help not even for the parser of command lines.

async function main(args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (["--help", "-h", "help"].includes(name)) {
    process.stdout.write(help());
    return EXIT.ok;
  }
  if (["--version", "-V"].includes(name)) {
    process.stdout.write(`${programVersion()}\n`);
    return EXIT.ok;
  }
  const command = findCommand(name);
  if (!command) throw new UsageError(`there is no command "${name}": vsmtp --help lists them`);
  const [{ runCommand }, file] = await Promise.all([import("./run-command.ts"), command.load()]);
  return runCommand(name, command.summary, file, rest);
}

function help(): string {
  const names = Object.values(commandTable).flatMap((commands) => Object.keys(commands));
  const width = Math.max(...names.map((name) => name.length));
  const topics = Object.entries(commandTable).map(([topic, commands]) => {
    const lines = Object.entries(commands).map(
      ([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`,
    );
    return `${topic}:\n${lines.join("\n")}`;
  });
  const more = "vsmtp COMMAND --help tells a command's options and subcommands.";
  return `Usage: vsmtp COMMAND [OPTION]…\n\n${topics.join("\n\n")}\n\n${more}\n`;
}

/** One line for what the user can mend or has to know; the stack of what is our fault only when it is asked for. */
function report(error: unknown): number {
  const expected = error instanceof EndError;
  process.stderr.write(`vsmtp: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env.VSMTP_DEBUG) {
    const shown = expected ? error.cause : error;
    if (shown instanceof Error) process.stderr.write(`${shown.stack}\n`);
  } else if (!expected) {
    process.stderr.write("       (this should not happen; VSMTP_DEBUG=1 shows where)\n");
  }
  return expected ? error.status : EXIT.usage;
}

// A reader that has seen enough (`vsmtp … | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
