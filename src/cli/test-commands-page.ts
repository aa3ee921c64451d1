import type { Command } from "commander";
import { explanationOf } from "./administration/explain.ts";
import { commandTable } from "./command-table.ts";
import { buildCommand, usage } from "./run-command.ts";

const PREFACE = `# Commands

Every command with what it does; \`vsmtp COMMAND --help\` has the options, examples and the meaning of each field. This page
is made from the program: \`node src/cli/test-commands-page.ts > docs/commands.md\`.

Commands that work on the key store:

- take their settings from \`--config FILE\`, else \`vsmtp.toml\` here, else \`/etc/vsmtp/vsmtp.toml\`;
- work while \`vsmtp serve\` runs, which follows at once, through the store (\`master-key rewrap\` alone needs it stopped);
- with \`--json\` print JSON objects, one a line, always with all the fields named here; times are Unix seconds, fields in
  \`_ms\` Unix milliseconds, what is not there is null. Fields may be added, none is renamed or removed;
- ask before what cannot be undone (marked †), on a terminal; without one they do it only with \`--yes\`;
- show progress on standard error: a bar on a terminal, else a line now and then, nothing with \`--json\`;
- are written to the audit log as \`cli:USER\`.

| exit status | means |
| --- | --- |
| 0 | done; the message passes; what was checked is in order |
| 1 | it does not pass; it is not in order; the question was answered with no |
| 2 | wrong command line, settings or input; refused: one line on standard error says why |
| 75 | nothing can be said or done now, such as by a busy database: try again |
`;

interface NamedCommand {
  readonly topic: string;
  /** `vsmtp account add` */
  readonly path: string;
  readonly command: Command;
}

/** Every command that does something: those with subcommands are left out for these. */
export async function allCommands(): Promise<NamedCommand[]> {
  const found: NamedCommand[] = [];
  const collect = (topic: string, path: string, command: Command): void => {
    if (command.commands.length === 0) found.push({ topic, path, command });
    for (const subcommand of command.commands) collect(topic, `${path} ${subcommand.name()}`, subcommand);
  };
  for (const [topic, commands] of Object.entries(commandTable)) {
    for (const [name, { summary, load }] of Object.entries(commands)) {
      collect(
        topic,
        `vsmtp ${name}`,
        buildCommand(name, summary, await load(), () => {}),
      );
    }
  }
  return found;
}

/** docs/commands.md, from the definitions of the commands. */
export async function commandsPage(): Promise<string> {
  const lines = [PREFACE];
  for (const [topic, commands] of Map.groupBy(await allCommands(), (command) => command.topic)) {
    lines.push(`## ${topic}\n`, "| command | does | fields with --json |\n| --- | --- | --- |");
    lines.push(...commands.map(({ command }) => row(command)), "");
  }
  return lines.join("\n");
}

function row(command: Command): string {
  const asks = command.options.some(({ long }) => long === "--yes") ? " †" : "";
  const fields = Object.keys(explanationOf(command)?.json ?? {}).map((field) => `\`${field}\``);
  const does = command.summary() || command.description();
  return `| \`${usage(command).replace(" [OPTION]…", "")}\`${asks} | ${does} | ${fields.join(", ")} |`;
}

if (import.meta.main) process.stdout.write(await commandsPage());
