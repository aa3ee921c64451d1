import { isIP } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { canonicalDomain } from "../message/index.ts";
import {
  type AggregateReport,
  MAX_PACKED_OCTETS,
  MAX_ROWS,
  type ReportedPolicy,
  type ReportRow,
} from "./aggregate-report.ts";

export type UnpackedReport =
  | { readonly ok: true; readonly report: AggregateReport }
  /** For people; nothing of a stranger's text is in it. */
  | { readonly ok: false; readonly problem: string };

/** A row of ours has at most 300 octets. A few kilobytes can become a thousand times as much. */
const MAX_JSON_OCTETS = 4 << 20;
const MAX_PERIOD_S = 32 * 86_400;
const policies: readonly unknown[] = ["none", "quarantine", "reject"] satisfies ReportedPolicy[];

const unzip = promisify(gunzip);

/**
 * Reads a report that somebody sent: bounded in every direction, and only what has the form that REP-7 gives. Members it
 * does not know are left out. What is in the report can be shown on a terminal as it is.
 */
export async function unpackAggregateReport(packed: Uint8Array): Promise<UnpackedReport> {
  if (packed.length > MAX_PACKED_OCTETS) return bad(`it has more than ${MAX_PACKED_OCTETS} octets`);
  let json: Buffer;
  try {
    json = await unzip(packed, { maxOutputLength: MAX_JSON_OCTETS });
  } catch (error) {
    const large = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return bad(large ? `it unpacks to more than ${MAX_JSON_OCTETS} octets` : "it is not gzip");
  }
  return readAggregateReport(json.toString("utf8"));
}

/** The same of the JSON alone. */
export function readAggregateReport(json: string): UnpackedReport {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return bad("it is not JSON");
  }
  if (!isObject(value)) return bad("it is no object");
  const { v, reporter, domain, begin, end, policy, rows } = value;
  if (v !== 1) return bad("v is not 1");
  if (!isDomain(reporter)) return bad("reporter is no domain");
  if (!isDomain(domain)) return bad("domain is no domain");
  if (!isCount(begin) || !isCount(end)) return bad("begin and end are no Unix seconds");
  if (end <= begin || end - begin > MAX_PERIOD_S) return bad("begin and end are no period of a report");
  if (!policies.includes(policy)) return bad("policy is none of none, quarantine, reject");
  if (!Array.isArray(rows) || rows.length > MAX_ROWS) return bad(`rows is no list of at most ${MAX_ROWS}`);
  const read: ReportRow[] = [];
  for (const [index, row] of rows.entries()) {
    const found = readRow(row);
    if (typeof found === "string") return bad(`row ${index}: ${found}`);
    read.push(found);
  }
  return {
    ok: true,
    report: { reporter, domain, begin, end, policy: policy as ReportedPolicy, rows: read },
  };
}

function readRow(value: unknown): ReportRow | string {
  if (!isObject(value)) return "it is no object";
  const { result, reason = null, align = null, rcpt = null, trust = null, action, override = null } = value;
  const { k = null, ip = null, count } = value;
  if (!isWord(result)) return "result is no word";
  if (!isWord(action)) return "action is no word";
  if (!isWordOrNull(reason)) return "reason is no word";
  if (!isWordOrNull(align)) return "align is no word";
  if (!isWordOrNull(rcpt)) return "rcpt is no word";
  if (!isWordOrNull(trust)) return "trust is no word";
  if (!isWordOrNull(override)) return "override is no word";
  if (!(k === null || (typeof k === "string" && /^[A-Za-z0-9_-]{22}$/.test(k)))) return "k is no key id";
  if (!(ip === null || (typeof ip === "string" && isIP(ip) !== 0 && !ip.includes("%")))) {
    return "ip is no address";
  }
  if (!isCount(count) || count === 0) return "count is no number";
  return { result, reason, align, rcpt, trust, k, ip, count, action, override };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(value);
}

function isWordOrNull(value: unknown): value is string | null {
  return value === null || isWord(value);
}

/** Sums of as many as a report has rows are exact still. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1e11;
}

function isDomain(value: unknown): value is string {
  return typeof value === "string" && value.length <= 253 && canonicalDomain(value) === value;
}

function bad(problem: string): UnpackedReport {
  return { ok: false, problem };
}
