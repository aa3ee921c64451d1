import type { Row } from "../stage/stage.ts";
import type { Terminal } from "./terminal.ts";
import { verdictStyle } from "./verdict-words.ts";

const HEADINGS = ["SCENARIO", "VERDICT", "ALIGN", "RCPT", "REPLY", "MAILBOX", "OK?"] as const;

/** One line for each row, then what was not as expected. */
export function printTable(terminal: Terminal, found: readonly Row[]): void {
  const rows = found.map(({ title, observed, faults }) => [
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
  const wrong = found.filter(({ faults }) => faults.length > 0);
  if (wrong.length === 0) {
    terminal.line(`All ${found.length} came out as expected.`);
    return;
  }
  for (const { title, faults } of wrong)
    for (const fault of faults) terminal.line(terminal.paint("red", `${title}: ${fault}`));
}
