import type { LoggedMessage, MailLogFilter } from "../../mail-log/index.ts";
import { firstMessageIdAt } from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, allIn, type Program, type Row, type SqlValue } from "../sql/program.ts";
import { fits } from "./fits.ts";
import { firstPartOf, isOfSameTime, partAfter } from "./parts.ts";
import { receivedOf, submittedOf } from "./rows.ts";
import { termsOfFilter } from "./terms.ts";

/** Messages that are looked at in one go. */
const PAGE = 500;
/** Parts of the index that are looked at in one go: the newest first, then more. */
const WINDOWS = [1, 4, 16, 128] as const;
/** Sorts after every id. */
const END = "~";

interface Span {
  /** `from` ≤ id < `to`. */
  readonly from: string;
  readonly to: string;
}

/** A table of messages. */
interface Kind {
  readonly direction: LoggedMessage["direction"];
  readonly table: string;
  /** Its columns in which a filter can be seen. */
  readonly columns: readonly (keyof MailLogFilter & string)[];
  messageOf(row: Row): LoggedMessage;
  /** Whether any of its messages could fit. */
  canFit(filter: MailLogFilter): boolean;
}

const KINDS: readonly Kind[] = [
  {
    direction: "in",
    table: "log_received",
    columns: ["result", "reason", "action"],
    messageOf: receivedOf,
    canFit: () => true,
  },
  {
    direction: "out",
    table: "log_submitted",
    columns: [],
    messageOf: submittedOf,
    canFit: ({ result, reason, action, messageId }) =>
      [result, reason, action, messageId].every((wanted) => wanted === undefined),
  },
];

/** The newest messages that fit. */
export function* search(
  filter: MailLogFilter,
  limit: number,
  before: string | null,
): Program<readonly LoggedMessage[]> {
  const span = spanOf(filter, before);
  const found: LoggedMessage[] = [];
  for (const kind of KINDS) {
    const { direction = kind.direction } = filter;
    if (direction === kind.direction && kind.canFit(filter)) {
      found.push(...(yield* searchKind(kind, filter, span, limit)));
    }
  }
  return found.sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, limit);
}

function* searchKind(
  kind: Kind,
  filter: MailLogFilter,
  span: Span,
  limit: number,
): Program<readonly LoggedMessage[]> {
  const terms = termsOfFilter(filter, kind.direction);
  const pages = terms.length === 0 ? everyPage(kind, filter, span) : pagesWith(kind, terms, span);
  const found: LoggedMessage[] = [];
  for (;;) {
    const page = yield* pages.next();
    if (page === null) return found;
    for (const row of page) {
      const message = kind.messageOf(row);
      if (!fits(message, filter)) continue;
      found.push(message);
      if (found.length === limit) return found;
    }
  }
}

function spanOf({ since, until }: MailLogFilter, before: string | null): Span {
  const end = until === undefined ? END : firstMessageIdAt(until);
  return {
    from: since === undefined ? "" : firstMessageIdAt(since),
    to: before === null || before > end ? end : before,
  };
}

/** Gives a page of rows at a time, the newest first, then null. */
interface Pages {
  next(): Program<readonly Row[] | null>;
}

/** All messages of a time, but for what can be seen in a column. */
function everyPage({ table, columns }: Kind, filter: MailLogFilter, span: Span): Pages {
  const wanted = columns.filter((column) => filter[column] !== undefined);
  const conditions = wanted.map((column) => ` AND ${column} = ?`).join("");
  const values = wanted.map((column) => filter[column] as string);
  const sql = `SELECT * FROM ${table} WHERE id >= ? AND id < ?${conditions} ORDER BY id DESC LIMIT ${PAGE}`;
  let to: string | null = span.to;
  return {
    *next() {
      if (to === null) return null;
      const rows: readonly Row[] = yield* all(sql, span.from, to, ...values);
      to = rows.length < PAGE ? null : text(rows.at(-1) as Row, "id");
      return rows;
    },
  };
}

/** Messages that have all these terms, or others that hash to the same. */
function pagesWith({ table }: Kind, terms: readonly number[], span: Span): Pages {
  const ids = idsWith(terms, span);
  return {
    *next() {
      const some = yield* ids.next();
      if (some === null) return null;
      const rows = yield* allIn(`SELECT * FROM ${table} WHERE id IN (*)`, some);
      return rows.toSorted((one, other) => (text(one, "id") < text(other, "id") ? 1 : -1));
    },
  };
}

interface Ids {
  next(): Program<readonly string[] | null>;
}

/** The newest times first: each time's parts together, for messages are in order from one time to the next only. */
function idsWith([term = 0, ...others]: readonly number[], span: Span): Ids {
  const also = others.map(
    () => ` AND EXISTS (SELECT 1 FROM log_term AS other
      WHERE other.part = log_term.part AND other.term = ? AND other.id = log_term.id)`,
  );
  const sql = `SELECT id FROM log_term WHERE term = ? AND part IN (*) AND id >= ? AND id < ?${also.join("")}
    ORDER BY id DESC LIMIT ${PAGE}`;
  let { to } = span;
  let windows: Generator<readonly number[]> | null = null;
  let window: readonly number[] | null = null;
  return {
    *next() {
      windows ??= windowsOf(yield* partsOf(span));
      for (;;) {
        window ??= windows.next().value ?? null;
        if (window === null) return null;
        const after: SqlValue[] = [span.from, to, ...others];
        const rows = yield* allIn(sql, window, [term], after);
        const ids = rows.map((row) => text(row, "id")).sort();
        const page = ids.reverse().slice(0, PAGE);
        if (page.length < PAGE) window = null;
        else to = page.at(-1) as string;
        if (page.length > 0) return page;
      }
    },
  };
}

/** All parts that can have some, the newest first. */
function* partsOf({ from, to }: Span): Program<readonly number[]> {
  const rows = yield* all(
    "SELECT part FROM log_part WHERE part >= ? AND part < ? ORDER BY part DESC",
    from === "" ? 0 : firstPartOf(wholeId(from)),
    to === END ? Number.MAX_SAFE_INTEGER : partAfter(firstPartOf(wholeId(to))),
  );
  return rows.map((row) => integer(row, "part"));
}

/** Of an id, or of the time with which one begins. */
function wholeId(bound: string): string {
  return bound.padEnd(16, "0");
}

/** Whole times, few parts at first. */
function* windowsOf(parts: readonly number[]): Generator<readonly number[]> {
  let window: number[] = [];
  let number = 0;
  for (const [index, part] of parts.entries()) {
    window.push(part);
    const next = parts[index + 1];
    if (next !== undefined && isOfSameTime(part, next)) continue;
    const wanted = WINDOWS[Math.min(number, WINDOWS.length - 1)] as number;
    if (window.length < wanted && next !== undefined) continue;
    yield window;
    window = [];
    number++;
  }
}
