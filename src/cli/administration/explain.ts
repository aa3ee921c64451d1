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
  const { examples } = explanation;
  const fields = Object.entries<string>(explanation.json);
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = [
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.flatMap(([line, purpose]) => [`  ${line}`, `      ${purpose}`]),
    "",
    "Fields with --json:",
    ...fields.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`),
  ];
  return command.addHelpText("after", lines.join("\n"));
}

/** What was explained of a command; null for those that explain themselves in their options only. */
export function explanationOf(command: Command): Explanation | null {
  return explanations.get(command) ?? null;
}
