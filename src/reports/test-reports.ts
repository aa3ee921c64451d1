// Reports as the tests of this module and of others make them.
import type { AggregateReport, ReportRow } from "./aggregate-report.ts";

export const kid = "FIH_rUKoiX6PoyILK0Uagg";

export function row(overrides: Partial<ReportRow> = {}): ReportRow {
  return {
    result: "pass",
    reason: null,
    align: "from",
    rcpt: "direct",
    trust: "host",
    k: kid,
    ip: "192.0.2.1",
    count: 1,
    action: "deliver",
    override: null,
    ...overrides,
  };
}

export const begin = Date.UTC(2026, 10, 25) / 1000;

export function report(overrides: Partial<AggregateReport> = {}): AggregateReport {
  return {
    reporter: "dest.test",
    domain: "someisp.test",
    begin,
    end: begin + 86_400,
    policy: "reject",
    rows: [
      row(),
      row({
        result: "none",
        reason: "unsigned",
        align: null,
        rcpt: null,
        trust: null,
        k: null,
        action: "reject",
      }),
    ],
    ...overrides,
  };
}
