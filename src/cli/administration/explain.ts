import type { Command } from "commander";

/** What a command's help teaches beside its options. */
export interface Explanation<Field extends string = string> {
  /** What it does, means and does not do, where one line is not enough. Paragraphs without line breaks. */
  readonly about?: readonly string[];
  /** Command lines, and what each is for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** The fields of each JSON object that it prints, in order: all of them, always. Times are Unix seconds. */
  readonly json: Readonly<Record<Field, string>>;
}

const explanations = new WeakMap<Command, Explanation>();

/** Adds the explanation to the command's help. */
export function explain<Field extends string>(command: Command, explanation: Explanation<Field>): Command {
  explanations.set(command, explanation);
  command.summary(command.description());
  command.description([command.description(), ...(explanation.about ?? [])].join("\n\n"));
  return command.addHelpText("after", () => explanationText(command, explanation));
}

/** In the shape of the options above it, as wide as the terminal. */
function explanationText(command: Command, { examples, json }: Explanation): string {
  const help = command.createHelp();
  help.prepareContext({ helpWidth: process.stdout.isTTY ? process.stdout.columns : 80 });
  const width = Math.max(...Object.keys(json).map((name) => name.length));
  return [
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.flatMap(([line, purpose]) => [`  ${line}`, `      ${purpose}`]),
    "",
    "Fields with --json:",
    ...Object.entries(json).map(([name, meaning]) => help.formatItem(name, width, meaning, help)),
  ].join("\n");
}

/** What was explained of a command; null for those that explain themselves in their options only. */
export function explanationOf(command: Command): Explanation | null {
  return explanations.get(command) ?? null;
}
