import { writeOut } from "../standard-output.ts";
import { shownJson } from "../terminal-text.ts";
import { type Column, Table } from "./table.ts";

/** Rows that are held before they are printed. */
const PAGE = 500;

type JsonObject<Field extends string> = Readonly<Record<Field, unknown>>;

/** How rows are shown to programs, and to people. */
export interface Listing<Field extends string, Row> {
  json(row: Row): JsonObject<Field>;
  readonly columns: readonly Column<Row>[];
  /** What people read when there are no rows. */
  readonly nothing: string;
}

/** Prints a command's answer: objects with the fields that its help names, or text for people. */
export class Printer<Field extends string> {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** @param text without a line end */
  async print(object: JsonObject<Field>, text: string): Promise<void> {
    await writeOut(`${this.#json ? shownJson(object) : text}\n`);
  }

  /** A table, or an object a line; either may be longer than memory. */
  async printAll<Row>(rows: Iterable<Row> | AsyncIterable<Row>, listing: Listing<Field, Row>): Promise<void> {
    const printPage = this.pagePrinter(listing);
    let page: Row[] = [];
    let printed = false;
    for await (const row of rows) {
      page.push(row);
      if (page.length < PAGE) continue;
      await printPage(page);
      printed = true;
      page = [];
    }
    if (page.length > 0) await printPage(page);
    else if (!printed && !this.#json) await writeOut(`${listing.nothing}\n`);
  }

  /** For rows that come by and by: each call prints its own at once. */
  pagePrinter<Row>({ json, columns }: Listing<Field, Row>): (page: readonly Row[]) => Promise<void> {
    if (this.#json) return (page) => writeOut(page.map((row) => `${shownJson(json(row))}\n`).join(""));
    const table = new Table(columns, process.stdout.isTTY ? process.stdout.columns : null);
    return (page) => writeOut(table.format(page));
  }
}
