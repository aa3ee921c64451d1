import type {
  Counted,
  ProblemSummary,
  ReceiverSummary,
  ReportSummary,
  SourceSummary,
} from "../../reports/index.ts";
import { countText } from "../administration/count-text.ts";
import { type Column, Table } from "../administration/table.ts";
import { isoDate } from "../administration/time-text.ts";
import { RESULTS } from "../verdicts.ts";
import { adviceFor, CORROBORATE } from "./advice.ts";

/**
 * What the reports on one domain say, for whoever runs its mail. Ends with a line end.
 *
 * @param accounts whose key each is, by key id; null: nobody asked
 */
export function summaryText(summary: ReportSummary, accounts: ReadonlyMap<string, string> | null): string {
  const { domain, reports, begin, end, policy, receivers, problems, keys, hosts } = summary;
  const messages = receivers.reduce((sum, one) => sum + one.messages, 0);
  const last = isoDate(end - 1);
  const period = isoDate(begin) === last ? last : `${isoDate(begin)} to ${last}`;
  const advice = adviceFor(summary);
  return [
    `${domain}, ${period}: ${countText(messages, "message")} in ${countText(reports, "report")}, p=${policy}\n\n`,
    table(receivers, receiverColumns),
    section("What did not pass", problems, problemColumns),
    section("Keys of what did not pass", keys, sourceColumns("KEY", accounts)),
    section("Hosts that sent what did not pass", hosts, sourceColumns("HOST", null)),
    ...(advice.length === 0 ? [] : ["\nWhat to do:\n", ...[...advice, CORROBORATE].map(item)]),
  ].join("");
}

const receiverColumns: Column<ReceiverSummary>[] = [
  { heading: "RECEIVER", cell: ({ reporter }) => reporter, yields: true },
  { heading: "REPORTS", cell: ({ reports }) => number(reports) },
  { heading: "MESSAGES", cell: ({ messages }) => number(messages) },
  ...RESULTS.map((result) => ({
    heading: result.toUpperCase(),
    cell: ({ results }: ReceiverSummary) => number(results[result] ?? 0),
  })),
  { heading: "WITHHELD", cell: ({ withheld }) => number(withheld) },
];

const problemColumns: Column<ProblemSummary>[] = [
  { heading: "RESULT", cell: ({ result }) => result },
  { heading: "REASON", cell: ({ reason }) => reason ?? "–" },
  { heading: "MESSAGES", cell: ({ messages }) => number(messages) },
  { heading: "RECEIVERS", cell: ({ receivers }) => number(receivers) },
  { heading: "WHAT BECAME OF IT", cell: ({ actions }) => counts(actions), yields: true },
];

function sourceColumns(
  heading: string,
  accounts: ReadonlyMap<string, string> | null,
): Column<SourceSummary>[] {
  const account = {
    heading: "ACCOUNT",
    cell: ({ name }: SourceSummary) => accounts?.get(name) ?? "not ours",
  };
  return [
    { heading, cell: ({ name }) => name },
    ...(accounts === null ? [] : [account]),
    { heading: "MESSAGES", cell: ({ messages }) => number(messages) },
    { heading: "RECEIVERS", cell: ({ receivers }) => number(receivers) },
    { heading: "WHY", cell: ({ why }) => counts(why), yields: true },
  ];
}

function section<Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[]): string {
  return rows.length === 0 ? "" : `\n${title}:\n${table(rows, columns)}`;
}

function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  return new Table(columns, process.stdout.isTTY ? process.stdout.columns : null).format(rows);
}

function counts(counted: readonly Counted[]): string {
  const shown = counted.slice(0, 3).map(({ name, count }) => `${name} ${number(count)}`);
  return counted.length > 3 ? `${shown.join(", ")}, …` : shown.join(", ");
}

function number(count: number): string {
  return count.toLocaleString("en-US");
}

/** Wrapped at 78 columns. */
function item(text: string): string {
  const lines: string[] = [];
  let line = "  *";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > 78) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join("\n")}\n`;
}
