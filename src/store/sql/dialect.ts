/** What differs between the databases where a schema is made; statements that run later are the same for both. */
export interface Dialect {
  /** Text that is compared octet by octet (UTF-8). */
  readonly text: string;
  /** Signed, 64 bits. */
  readonly integer: string;
  readonly octets: string;
  /** A primary key that counts up by itself. */
  readonly counter: string;
  /** What stands after a table's closing parenthesis, when its primary key is what it is read by. */
  readonly keyed: string;
  /** The same for tables with a counter or none. */
  readonly plain: string;
  /** Where octets that are too many for a row are: in files beside the database, or in rows of pieces. */
  readonly largeContents: "files" | "rows";
  /** SQL for a column whose octets are many and short-lived: compressing them is not worth it. */
  rawOctets(table: string, column: string): string;
  /** A literal of that many zero octets. */
  zeroes(count: number): string;
  /** What a schema begins with. */
  readonly preparation: string;
  /** SQL that makes the database refuse a change of a row. */
  refuse(rule: RefusedChange): string;
  /** SQL that takes such a rule away again. */
  allow(rule: Pick<RefusedChange, "name" | "change" | "table">): string;
  /** SQL that makes the database tell whoever listens that rows came into a table. */
  announce(table: string): string;
}

export interface RefusedChange {
  /** Unique name. */
  readonly name: string;
  /** `DELETE`, `UPDATE` or `UPDATE OF column, column`. */
  readonly change: string;
  readonly table: string;
  /** A condition on `OLD` and `NEW`; without it every such change is refused. */
  readonly when?: string;
  /** The condition reads tables. */
  readonly reads?: true;
  /** Plain words without quotation marks. */
  readonly because: string;
}

/** What is added to a `SELECT` so that nobody else changes the rows before the transaction is over. */
export interface RowLocks {
  /** Waits for others who have them. */
  readonly wait: string;
  /** Leaves out what others have. */
  readonly skip: string;
}

/** One step of a schema, as SQL. A step is never edited once it was released. */
export type Migration = (dialect: Dialect) => string;
