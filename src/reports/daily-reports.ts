import type { PolicySource, Resolver } from "../dns/index.ts";
import type { AggregateRow, MailLogStore } from "../mail-log/index.ts";
import {
  type AggregateReport,
  MAX_PACKED_OCTETS,
  packAggregateReport,
  type ReportRow,
} from "./aggregate-report.ts";
import { GatheredRows } from "./gathered-rows.ts";
import { inParallel } from "./in-parallel.ts";
import type { ReportDestination } from "./report-destinations.ts";
import { type ReportedDomain, reportedDomainOf, whyNotSentTo } from "./reported-domain.ts";

/** Takes a report to one place. Null: it is on its way. Else why not, for people. Never rejects. The signal ends it. */
export type SendReport = (
  report: AggregateReport,
  packed: Uint8Array,
  destination: ReportDestination,
  signal: AbortSignal,
) => Promise<string | null>;

/** What became of a domain's report of a day. */
export type DailyReportEvent = {
  /** As `2026-11-25`. */
  readonly day: string;
  readonly domain: string;
  /** Null where it did not come so far. */
  readonly to: string | null;
} & (
  | { readonly kind: "sent"; readonly messages: number; readonly rows: number }
  /** @see DailyReports#send for when it is tried again */
  | { readonly kind: "failed"; readonly detail: string }
);

export interface DailyReportsOptions {
  readonly log: Pick<MailLogStore, "aggregate" | "claimDay">;
  readonly policies: PolicySource;
  readonly resolver: Pick<Resolver, "txt">;
  /** The domain that reports: its account signs. */
  readonly reporter: string;
  /** Domains that are hosted here: their operator has the mail log. */
  readonly ownDomains: ReadonlySet<string>;
  /** Canonical. Mail to these alone is in no report: two systems would report each other's reports for ever (REP-8). */
  readonly reportAddresses: ReadonlySet<string>;
  readonly send: SendReport;
  readonly onEvent?: (event: DailyReportEvent) => void;
}

export interface SendOptions {
  /** Those that were sent before are left out, and those that fail stay unsent. */
  readonly last: boolean;
  /** Of this domain alone. */
  readonly only?: string | undefined;
  /** No further report is begun, and those under way end. */
  readonly signal?: AbortSignal;
}

/** A report that is wanted. */
export interface DueReport {
  readonly report: AggregateReport;
  readonly destinations: readonly ReportDestination[];
}

/** Strangers' mail must not make this host ask and write without end: those with most mail come first. */
const MAX_DOMAINS = 20_000;
const AT_A_TIME = 5;
const NEVER = new AbortController().signal;

/** What a day's mail was, told to the domains that want to hear it (REP-1). */
export class DailyReports {
  readonly #options: DailyReportsOptions;

  constructor(options: DailyReportsOptions) {
    this.#options = options;
  }

  /**
   * Sends the reports of a day, each domain's once. One that fails is tried again by the next call with `last`, and then
   * no more: reports are no reason to knock at a door for days.
   *
   * @param day as `2026-11-25`, UTC
   * @throws MailLogStoreError
   */
  async send(day: string, { last, only, signal = NEVER }: SendOptions): Promise<void> {
    await inParallel(AT_A_TIME, await this.due(day, signal), async ({ report, destinations }) => {
      if (signal.aborted || (only !== undefined && report.domain !== only)) return;
      const { log } = this.#options;
      const task = `report ${report.domain}`;
      // Where this is the last time, whoever does it claims it before; else a failure has to leave it unclaimed.
      if (last && !(await log.claimDay(task, day))) return;
      const sent = await this.#sendTo(day, report, destinations, signal);
      if (sent && !last) await log.claimDay(task, day);
    });
  }

  /**
   * The reports of a day that are wanted, those with most mail first.
   *
   * @throws MailLogStoreError
   */
  async due(day: string, signal: AbortSignal = NEVER): Promise<DueReport[]> {
    const { log, policies, ownDomains, reporter, reportAddresses } = this.#options;
    const begin = Date.parse(`${day}T00:00:00Z`);
    const end = begin + 86_400_000;
    const byDomain = await gather(log.aggregate(begin, end, reportAddresses), ownDomains);
    const found = new Map<string, { readonly owner: ReportedDomain; readonly rows: GatheredRows }>();
    const asked = [...byDomain].sort(([, a], [, b]) => b.count - a.count).slice(0, MAX_DOMAINS);
    await inParallel(AT_A_TIME, asked, async ([domain, rows]) => {
      if (signal.aborted) return;
      const answer = await reportedDomainOf(domain, policies);
      if (answer.kind === "failure") this.#failed(day, domain, null, answer.detail);
      if (answer.kind !== "wanted" || ownDomains.has(answer.owner.domain)) return;
      const known = found.get(answer.owner.domain);
      if (known === undefined) found.set(answer.owner.domain, { owner: answer.owner, rows });
      else for (const row of rows.rows()) known.rows.add(row);
    });
    return [...found.values()]
      .sort((a, b) => b.rows.count - a.rows.count)
      .map(({ owner: { domain, policy, destinations }, rows }) => {
        const period = { begin: begin / 1000, end: end / 1000 };
        return { report: { reporter, domain, ...period, policy, rows: rows.rows() }, destinations };
      });
  }

  /** @returns whether it got anywhere */
  async #sendTo(
    day: string,
    report: AggregateReport,
    destinations: readonly ReportDestination[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { domain } = report;
    const packed = packAggregateReport(report);
    if (packed.length > MAX_PACKED_OCTETS) {
      this.#failed(day, domain, null, `it has ${packed.length} octets, too many to send`);
      return false;
    }
    let sent = false;
    for (const destination of destinations) {
      const to = destination.kind === "mail" ? destination.address : destination.url.href;
      const problem =
        (await whyNotSentTo(domain, destination, this.#options.resolver)) ??
        (await this.#options.send(report, packed, destination, signal));
      if (problem !== null) {
        this.#failed(day, domain, to, problem);
        continue;
      }
      sent = true;
      const messages = report.rows.reduce((sum, { count }) => sum + count, 0);
      this.#options.onEvent?.({ kind: "sent", day, domain, to, messages, rows: report.rows.length });
    }
    return sent;
  }

  #failed(day: string, domain: string, to: string | null, detail: string): void {
    this.#options.onEvent?.({ kind: "failed", day, domain, to, detail });
  }
}

async function gather(
  rows: AsyncIterable<AggregateRow>,
  ownDomains: ReadonlySet<string>,
): Promise<Map<string, GatheredRows>> {
  const byDomain = new Map<string, GatheredRows>();
  for await (const row of rows) {
    if (ownDomains.has(row.domain)) continue;
    let gathered = byDomain.get(row.domain);
    if (gathered === undefined) {
      gathered = new GatheredRows();
      byDomain.set(row.domain, gathered);
    }
    gathered.add(reportRow(row));
  }
  return byDomain;
}

/** A rule's name stays here: it is the operator's own word. */
function reportRow(row: AggregateRow): ReportRow {
  const { result, reason, align, rcpt, trust, kid, client, count, action, decidedBy } = row;
  const override = decidedBy === "stage" || decidedBy === "policy" ? null : decidedBy;
  return { result, reason, align, rcpt, trust, k: kid, ip: client, count, action, override };
}
