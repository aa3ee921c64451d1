import { shownLine } from "../terminal-text.ts";

/** A fact's name, and its value or values, a line each. Without a value it is left out. */
export type Fact = readonly [name: string, value: string | readonly string[] | null];

/** What is known of one thing, under its name, values aligned. */
export function formatFacts(title: string, facts: readonly Fact[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.flatMap(([name, value]) => {
    const values = value === null ? [] : typeof value === "string" ? [value] : value;
    return values.map((text, at) => `  ${(at === 0 ? name : "").padEnd(width)}  ${shownLine(text)}`);
  });
  return [title, ...lines].join("\n");
}
