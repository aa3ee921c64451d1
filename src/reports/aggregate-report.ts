import { gzipSync } from "node:zlib";

/** What one receiver saw of the mail of one domain in a day (REP-1). It names no recipient (REP-2). */
export interface AggregateReport {
  /** The domain whose mail system saw it, and whose account signs the mail that brings it. */
  readonly reporter: string;
  /** Whose mail: From, or of the identity. Where a record is of a domain above (POL-4): that one. */
  readonly domain: string;
  /** Unix seconds; the second is not part of it. */
  readonly begin: number;
  readonly end: number;
  /** `p` of the domain's record. */
  readonly policy: ReportedPolicy;
  readonly rows: readonly ReportRow[];
}

export type ReportedPolicy = "none" | "quarantine" | "reject";

/** Messages that are alike. Words are those of verdicts and actions, lower case. */
export interface ReportRow {
  readonly result: string;
  readonly reason: string | null;
  readonly align: string | null;
  readonly rcpt: string | null;
  readonly trust: string | null;
  /** Key id; null where no key was named, and where rows were merged. */
  readonly k: string | null;
  /** The client's address; null where rows were merged. */
  readonly ip: string | null;
  readonly count: number;
  readonly action: string;
  /** What decided instead of the receiver's stage and the domain's policy; null: nothing did. */
  readonly override: string | null;
}

/** More rows than this are in no report, ours or others'. */
export const MAX_ROWS = 10_000;

/** Larger ones are in no mail, and are not read. */
export const MAX_PACKED_OCTETS = 1 << 20;

/** As it travels: JSON with its members in the order of REP-1, compressed. */
export function packAggregateReport(report: AggregateReport): Buffer {
  const { reporter, domain, begin, end, policy } = report;
  const rows = report.rows.map(
    ({ result, reason, align, rcpt, trust, k, ip, count, action, override }) =>
      ({ result, reason, align, rcpt, trust, k, ip, count, action, override }) satisfies ReportRow,
  );
  return gzipSync(JSON.stringify({ v: 1, reporter, domain, begin, end, policy, rows }));
}
