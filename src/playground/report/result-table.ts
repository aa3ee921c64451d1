import type { Case } from "../stage/stage.ts";
import type { Terminal } from "./terminal.ts";
import { verdictStyle } from "./verdict-words.ts";

const HEADINGS = ["SCENARIO", "VERDICT", "ALIGN", "RCPT", "REPLY", "MAILBOX", "OK?"] as const;

/** One row for each case, then what was not as expected. */
export function printTable(terminal: Terminal, cases: readonly Case[]): void {
  const rows = cases.map(({ title, observed, faults }) => [
    title,
    observed.verdict ?? "-",
    observed.align ?? "-",
    observed.rcpt ?? "-",
    observed.reply ?? "-",
    observed.mailbox ?? "-",
    faults.length === 0 ? "ok" : "NO",
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const padded = (row: readonly string[]): string[] =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  terminal.line(terminal.paint("bold", padded(HEADINGS).join("  ").trimEnd()));
  for (const row of rows) {
    const [title = "", verdict = "", ...rest] = padded(row);
    const painted = terminal.paint(verdictStyle(verdict.trim()), verdict);
    const end = rest.pop() ?? "";
    const result = terminal.paint(end.trim() === "ok" ? "green" : "red", end.trim());
    terminal.line([title, painted, ...rest, result].join("  "));
  }
  terminal.line();
  const wrong = cases.filter(({ faults }) => faults.length > 0);
  if (wrong.length === 0) {
    terminal.line(`All ${cases.length} came out as expected.`);
    return;
  }
  for (const { title, faults } of wrong)
    for (const fault of faults) terminal.line(terminal.paint("red", `${title}: ${fault}`));
}
