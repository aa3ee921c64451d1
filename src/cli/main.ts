import { enableCompileCache } from "node:module";
import { Command, CommanderError } from "commander";
import { EXIT } from "./exit-status.ts";
import { UsageError } from "./usage-error.ts";

enableCompileCache();

/**
 * A command is a file beside this one. Only the file of the command that runs is loaded, so that `vsmtp sign`
 * in a shell loop does not pay for servers it never starts. Its `define` adds arguments, options and an action;
 * the action resolves with the exit status, or throws a UsageError.
 */
export interface CommandFile {
  define(command: Command, done: (status: number) => void): void;
}

const COMMANDS: Record<string, { summary: string; load: () => Promise<CommandFile> }> = {
  playground: {
    summary: "run two mail providers on this machine and watch them",
    load: () => import("./playground.ts"),
  },
  serve: { summary: "run the roles that a configuration file names", load: () => import("./serve.ts") },
  account: { summary: "add and list accounts", load: () => import("./account.ts") },
  domain: { summary: "add and list domains", load: () => import("./domain.ts") },
  lookup: {
    summary: "ask an address's key server and show the way there",
    load: () => import("./lookup.ts"),
  },
  sign: { summary: "sign the message on standard input", load: () => import("./sign.ts") },
  verify: { summary: "verify the message on standard input", load: () => import("./verify.ts") },
  explain: { summary: "tell what signatures cover and what broke them", load: () => import("./explain.ts") },
  canonical: { summary: "print the canonical form that is signed", load: () => import("./canonical.ts") },
  keygen: { summary: "make a key pair", load: () => import("./keygen.ts") },
};

const VERSION = "0.1.0";

async function main(args: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = args;
  if (name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(help());
    return EXIT.ok;
  }
  if (name === "--version" || name === "-V") {
    process.stdout.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry) throw new UsageError(`there is no command "${name}": vsmtp --help lists them`);
  const command = new Command(`vsmtp ${name}`).description(entry.summary);
  // One line on standard error is our own to write; commander's would come on top of it.
  command.exitOverride().configureOutput({ writeErr: () => {} });
  let status: number = EXIT.ok;
  (await entry.load()).define(command, (result) => {
    status = result;
  });
  await command.parseAsync(rest, { from: "user" });
  return status;
}

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: vsmtp COMMAND [OPTION]…\n\n${lines.join("\n")}\n\nvsmtp COMMAND --help tells a command's options.\n`;
}

/** One line for what the user can mend; the stack of what is our fault only when it is asked for. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok; // --help was printed
    const text = error.message.replace(/^error: /, "");
    process.stderr.write(`vsmtp: ${text} (see --help)\n`);
    return EXIT.usage;
  }
  if (error instanceof UsageError) {
    process.stderr.write(`vsmtp: ${error.message}\n`);
    return EXIT.usage;
  }
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`vsmtp: ${text}\n       (this should not happen; VSMTP_DEBUG=1 shows where)\n`);
  if (process.env.VSMTP_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return EXIT.usage;
}

// A reader that has seen enough (`vsmtp … | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
