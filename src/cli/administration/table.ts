import { shownLine } from "../terminal-text.ts";

export interface Column<Row> {
  readonly heading: string;
  cell(row: Row): string;
  /** Cut short, with an ellipsis, where a terminal is too narrow. */
  readonly yields?: true;
}

/** Few rows of a column keep it this wide when a terminal is too narrow. */
const NARROWEST = 12;

/**
 * Rows under headings, columns aligned. Rows come a page at a time, so that a table may be longer than memory:
 * the first page sets the widths, later ones widen them.
 */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #terminalWidth: number | null;
  #widths: number[];
  #started = false;

  /** @param terminalWidth null: nothing is cut, because a program or a file reads it */
  constructor(columns: readonly Column<Row>[], terminalWidth: number | null) {
    this.#columns = columns;
    this.#terminalWidth = terminalWidth;
    this.#widths = columns.map(({ heading }) => heading.length);
  }

  /** The page as lines, each with its line end; the first page begins with the headings. */
  format(page: readonly Row[]): string {
    const rows = page.map((row) => this.#columns.map((column) => shownLine(column.cell(row))));
    if (!this.#started) rows.unshift(this.#columns.map(({ heading }) => heading));
    this.#started = true;
    this.#widths = this.#fit(
      this.#widths.map((width, at) =>
        rows.reduce((most, row) => Math.max(most, row[at]?.length ?? 0), width),
      ),
    );
    return rows.map((cells) => `${this.#line(cells)}\n`).join("");
  }

  #line(cells: readonly string[]): string {
    return cells
      .map((cell, at) => cut(cell, this.#widths[at] ?? 0).padEnd(this.#widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  }

  #fit(widths: number[]): number[] {
    if (this.#terminalWidth === null) return widths;
    let over = widths.reduce((sum, width) => sum + width + 2, -2) - this.#terminalWidth;
    return widths.map((width, at) => {
      if (over <= 0 || !this.#columns[at]?.yields) return width;
      const narrower = Math.max(Math.min(width, NARROWEST), width - over);
      over -= width - narrower;
      return narrower;
    });
  }
}

function cut(cell: string, width: number): string {
  return cell.length <= width ? cell : `${cell.slice(0, Math.max(0, width - 1))}…`;
}
