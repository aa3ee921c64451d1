import { readFileSync } from "node:fs";
import { EXIT } from "./exit-status.ts";
import type { CommandFile } from "./run-command.ts";
import { UsageError } from "./usage-error.ts";

// Only the file of the command that runs is loaded, so that `vsmtp sign` in a shell loop does not pay for
// servers it never starts, and --help not even for the parser of command lines.
const commands: Readonly<Record<string, { summary: string; load: () => Promise<CommandFile> }>> = {
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

async function main(args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (["--help", "-h", "help"].includes(name)) {
    process.stdout.write(help());
    return EXIT.ok;
  }
  if (["--version", "-V"].includes(name)) {
    process.stdout.write(`${version()}\n`);
    return EXIT.ok;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`there is no command "${name}": vsmtp --help lists them`);
  const [{ runCommand }, file] = await Promise.all([import("./run-command.ts"), command.load()]);
  return runCommand(name, command.summary, file, rest);
}

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: vsmtp COMMAND [OPTION]…\n\n${lines.join("\n")}\n\nvsmtp COMMAND --help tells a command's options.\n`;
}

/** Of the package this file is in, whether as source or built. */
function version(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

/** One line for what the user can mend; the stack of what is our fault only when it is asked for. */
function report(error: unknown): number {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`vsmtp: ${text}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  if (!process.env.VSMTP_DEBUG) {
    process.stderr.write("       (this should not happen; VSMTP_DEBUG=1 shows where)\n");
  } else if (error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
  return EXIT.usage;
}

// A reader that has seen enough (`vsmtp … | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
