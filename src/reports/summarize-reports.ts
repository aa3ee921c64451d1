import type { AggregateReport, ReportedPolicy, ReportRow } from "./aggregate-report.ts";

/** What all reports on a domain say together. */
export interface ReportSummary {
  readonly domain: string;
  readonly reports: number;
  /** Unix seconds: of the first and the last. */
  readonly begin: number;
  readonly end: number;
  /** As the latest has it. */
  readonly policy: ReportedPolicy;
  /** Those who saw most mail first. */
  readonly receivers: readonly ReceiverSummary[];
  /** Kinds of mail that did not pass, the most frequent first; so are the next two. */
  readonly problems: readonly ProblemSummary[];
  readonly keys: readonly SourceSummary[];
  readonly hosts: readonly SourceSummary[];
}

export interface ReceiverSummary {
  readonly reporter: string;
  readonly reports: number;
  readonly messages: number;
  /** By result. */
  readonly results: Readonly<Record<string, number>>;
  /** Neither delivered nor tagged. */
  readonly withheld: number;
}

export interface ProblemSummary {
  readonly result: string;
  readonly reason: string | null;
  readonly messages: number;
  readonly receivers: number;
  /** How many by action, the most frequent first. */
  readonly actions: readonly Counted[];
}

/** A key, or a host, of mail that did not pass. */
export interface SourceSummary {
  /** Key id or network address. */
  readonly name: string;
  readonly messages: number;
  readonly receivers: number;
  /** Results with their reasons, `fail/revoked`, the most frequent first. */
  readonly why: readonly Counted[];
}

export interface Counted {
  readonly name: string;
  readonly count: number;
}

const SHOWN_SOURCES = 10;
/**
 * A reporter is who he says, and may report what he likes: of keys and hosts that he makes up so many are counted, and words that
 * are none of the protocol's are all the same.
 */
const MAX_SOURCES = 20_000;

/** One summary for each domain, in order of their names. */
export async function summarizeReports(
  reports: AsyncIterable<AggregateReport> | Iterable<AggregateReport>,
): Promise<ReportSummary[]> {
  const domains = new Map<string, DomainTally>();
  for await (const report of reports) at(domains, report.domain, () => new DomainTally(report)).add(report);
  return [...domains.values()].map((tally) => tally.summary()).sort((a, b) => (a.domain < b.domain ? -1 : 1));
}

const OTHERS = "others";
/** VER-10 to VER-12. */
const words: ReadonlySet<string> = new Set(
  `pass neutral none fail permerror temperror
   body signature identity no-keyserver no-key bad-key revoked suspended expired exact
   syntax unavailable unsigned sender-only`.split(/\s+/),
);
const actions: ReadonlySet<string> = new Set(["deliver", "tag", "quarantine", "discard", "reject", "defer"]);

function known(word: string): string {
  return words.has(word) ? word : OTHERS;
}

type Kind = Pick<ReportRow, "result" | "reason">;

class DomainTally {
  #latest: AggregateReport;
  #begin: number;
  #end: number;
  #reports = 0;
  readonly #receivers = new Map<string, { reports: number; results: Tally; withheld: number }>();
  readonly #problems = new Map<string, { kind: Kind; receivers: Tally; actions: Tally }>();
  readonly #keys = new Map<string, { receivers: Tally; why: Tally }>();
  readonly #hosts = new Map<string, { receivers: Tally; why: Tally }>();

  constructor(report: AggregateReport) {
    this.#latest = report;
    this.#begin = report.begin;
    this.#end = report.end;
  }

  add(report: AggregateReport): void {
    const { reporter, begin, end } = report;
    this.#reports++;
    if (end >= this.#latest.end) this.#latest = report;
    this.#begin = Math.min(this.#begin, begin);
    this.#end = Math.max(this.#end, end);
    const receiver = at(this.#receivers, reporter, () => ({ reports: 0, results: new Tally(), withheld: 0 }));
    receiver.reports++;
    for (const row of report.rows) {
      const { result, reason, action, count, k, ip } = row;
      receiver.results.add(known(result), count);
      if (action !== "deliver" && action !== "tag") receiver.withheld += count;
      if (result === "pass") continue;
      const kind = { result: known(result), reason: reason === null ? null : known(reason) };
      const what = kind.reason === null ? kind.result : `${kind.result}/${kind.reason}`;
      const problem = at(this.#problems, what, () => ({
        kind,
        receivers: new Tally(),
        actions: new Tally(),
      }));
      problem.receivers.add(reporter, count);
      problem.actions.add(actions.has(action) ? action : OTHERS, count);
      for (const [sources, name] of [
        [this.#keys, k],
        [this.#hosts, ip],
      ] as const) {
        if (name === null || !hasRoomFor(sources, name, MAX_SOURCES)) continue;
        const source = at(sources, name, () => ({ receivers: new Tally(), why: new Tally() }));
        source.receivers.add(reporter, count);
        source.why.add(what, count);
      }
    }
  }

  summary(): ReportSummary {
    const { domain, policy } = this.#latest;
    return {
      domain,
      reports: this.#reports,
      begin: this.#begin,
      end: this.#end,
      policy,
      receivers: [...this.#receivers]
        .map(([reporter, { reports, results, withheld }]) => ({
          reporter,
          reports,
          messages: results.sum(),
          results: Object.fromEntries(results.counted().map(({ name, count }) => [name, count])),
          withheld,
        }))
        .sort((a, b) => b.messages - a.messages),
      problems: [...this.#problems.values()]
        .map(({ kind: { result, reason }, receivers, actions }) => ({
          result,
          reason,
          messages: receivers.sum(),
          receivers: receivers.size,
          actions: actions.counted(),
        }))
        .sort((a, b) => b.messages - a.messages),
      keys: sources(this.#keys),
      hosts: sources(this.#hosts),
    };
  }
}

function sources(found: ReadonlyMap<string, { receivers: Tally; why: Tally }>): SourceSummary[] {
  return [...found]
    .map(([name, { receivers, why }]) => ({
      name,
      messages: why.sum(),
      receivers: receivers.size,
      why: why.counted(),
    }))
    .sort((a, b) => b.messages - a.messages)
    .slice(0, SHOWN_SOURCES);
}

/** Counts by name. */
class Tally {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  add(name: string, count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  sum(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  counted(): Counted[] {
    return [...this.#counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
  }
}

function hasRoomFor<K>(map: ReadonlyMap<K, unknown>, key: K, most: number): boolean {
  return map.size < most || map.has(key);
}

function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
