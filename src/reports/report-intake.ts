import {
  borderResults,
  decodeAddress,
  HeaderReader,
  parseHeader,
  propertyOf,
  resultOf,
} from "../message/index.ts";
import type { AggregateReport } from "./aggregate-report.ts";
import { attachedReport, MAX_REPORT_MAIL_OCTETS } from "./report-attachment.ts";
import { unpackAggregateReport } from "./unpack-aggregate-report.ts";

export type Intake =
  | { readonly ok: true; readonly report: AggregateReport; readonly packed: Uint8Array }
  | { readonly ok: false; readonly problem: string };

export interface IntakeOptions {
  /** Canonical. */
  readonly hostedDomains: readonly string[];
  /** Unix milliseconds. */
  readonly now: number;
}

const DAY_S = 86_400;
const OLDEST_S = 40 * DAY_S;

/**
 * Takes the report out of a mail that came to an address for reports. It counts where the mail was proved to come from
 * the mail system that says it reports (REP-8), about a domain of ours: else anybody could tell us anything.
 *
 * @param message as it is in the queue
 */
export async function takeReport(
  message: Uint8Array,
  { hostedDomains, now }: IntakeOptions,
): Promise<Intake> {
  if (message.length > MAX_REPORT_MAIL_OCTETS) return bad("the mail is too large to bring a report");
  const signer = signerOf(message);
  if (signer === null) return bad("a report counts from a verified sender only");
  const attached = attachedReport(message);
  if (!attached.ok) return attached;
  const { packed } = attached;
  const unpacked = await unpackAggregateReport(packed);
  if (!unpacked.ok) return bad(`the report cannot be read: ${unpacked.problem}`);
  const { report } = unpacked;
  if (report.reporter !== signer)
    return bad(`the report says it is by ${report.reporter}, and ${signer} signed`);
  // A record above our domain gathers its reports (POL-4).
  if (!hostedDomains.some((own) => own === report.domain || own.endsWith(`.${report.domain}`))) {
    return bad(`the report is about ${report.domain}, which is not hosted here`);
  }
  const today = now / 1000;
  if (report.begin < today - OLDEST_S || report.end > today + DAY_S) {
    return bad("the report is about a time long past, or to come");
  }
  return { ok: true, report, packed };
}

/** The domain of the account that a border of ours proved to be its author. */
function signerOf(message: Uint8Array): string | null {
  const reader = new HeaderReader();
  reader.write(message);
  const recorded = borderResults(parseHeader(reader.finish()));
  const verdict = recorded && resultOf(recorded, "vsmtp");
  if (verdict?.result !== "pass") return null;
  const identity = propertyOf(verdict, "header.i");
  return identity === null ? null : (decodeAddress(identity)?.domain ?? null);
}

function bad(problem: string): Intake {
  return { ok: false, problem };
}
