import { MAX_ROWS, type ReportRow } from "./aggregate-report.ts";

/** Rows of one domain's report, bounded: more kinds of mail than a report has rows for are told without key and client. */
export class GatheredRows {
  readonly #rows = new Map<string, ReportRow>();
  #count = 0;

  /** Messages. */
  get count(): number {
    return this.#count;
  }

  add(row: ReportRow): void {
    this.#count += row.count;
    const key = keyOf(row);
    const known = this.#rows.get(key);
    // The last tenth is kept for rows that stand for many: there are only so many combinations of words.
    if (known === undefined && this.#rows.size >= MAX_ROWS * 0.9 && (row.k !== null || row.ip !== null)) {
      this.#put({ ...row, k: null, ip: null });
    } else this.#put(row);
  }

  /** The most frequent first. */
  rows(): ReportRow[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count).slice(0, MAX_ROWS);
  }

  #put(row: ReportRow): void {
    const key = keyOf(row);
    const count = row.count + (this.#rows.get(key)?.count ?? 0);
    const { result, reason, align, rcpt, trust, k, ip, action, override } = row;
    this.#rows.set(key, { result, reason, align, rcpt, trust, k, ip, count, action, override });
  }
}

function keyOf({ result, reason, align, rcpt, trust, k, ip, action, override }: ReportRow): string {
  return JSON.stringify([result, reason, align, rcpt, trust, k, ip, action, override]);
}
