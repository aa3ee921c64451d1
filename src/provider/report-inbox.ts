import type { Config } from "../config/index.ts";
import { type AddressExpansion, ownResult, type Result } from "../delivery/index.ts";
import { parseAddress } from "../message/index.ts";
import { type LeasedMessage, piecesOf, type StoredContent } from "../queue/index.ts";
import {
  type Intake,
  isComplaint,
  MAX_REPORT_MAIL_OCTETS,
  type ReceivedReports,
  takeReport,
} from "../reports/index.ts";
import { hasOwnMailbox } from "./mailboxes.ts";
import { passComplaintOn, readerOfComplaints } from "./pass-complaint-on.ts";

export interface ReportInboxOptions {
  readonly config: Config;
  readonly reports: Pick<ReceivedReports, "add">;
  /** For the log: what came to an address for reports. */
  readonly onTaken: (message: LeasedMessage, intake: Intake) => void;
}

const taken: Result = {
  kind: "delivered",
  code: null,
  enhanced: "2.0.0",
  text: "taken as a report",
  remote: null,
  onward: "mailbox",
};

/**
 * Takes reports of others out of the mail to the addresses that are for them (REP-8). Where such an address is a mailbox as
 * well, all of its mail is in there too; where it is none, complaints, which come to the same address (REP-4), go on to who
 * reads them, and what is neither is refused.
 */
export function reportInbox({ config, reports, onTaken }: ReportInboxOptions): AddressExpansion {
  const domains = new Map(config.domains.map((domain) => [domain.name, domain]));
  const complaintsTo = readerOfComplaints(config);
  const intakeOf = async (octets: Uint8Array): Promise<Intake | Result> => {
    const intake = await takeReport(octets, {
      hostedDomains: [...domains.keys()],
      now: Date.now(),
    });
    if (!intake.ok) return intake;
    try {
      const problem = await reports.add(intake.report, intake.packed);
      return problem === null ? intake : { ok: false, problem };
    } catch (error) {
      // A disk that is full or broken now will be mended.
      return ownResult("4.3.1", `the report cannot be stored: ${(error as NodeJS.ErrnoException).code}`);
    }
  };
  return {
    find: (address) => {
      const parsed = parseAddress(address);
      if (!parsed.ok) return null;
      const { localPart, domain } = parsed.address;
      if (!config.reports.receive.has(`${localPart}@${domain}`)) return null;
      const hosted = domains.get(domain);
      const keeps = hosted !== undefined && hasOwnMailbox(hosted, localPart);
      return {
        keeps,
        expand: async (message, _recipient, content) => {
          // Larger mail is not even read; takeReport says why.
          const tooLarge = message.size > MAX_REPORT_MAIL_OCTETS;
          const octets = tooLarge ? Buffer.alloc(MAX_REPORT_MAIL_OCTETS + 1) : await wholeOf(await content());
          const reader = keeps || !isComplaint(octets) ? null : complaintsTo(domain);
          if (reader !== null) return passComplaintOn(message, octets, reader);
          const intake = await intakeOf(octets);
          if ("kind" in intake) return { result: intake, messages: [] };
          onTaken(message, intake);
          return { result: intake.ok || keeps ? taken : ownResult("5.6.0", intake.problem), messages: [] };
        },
      };
    },
  };
}

async function wholeOf(content: StoredContent): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(content)) pieces.push(piece);
  return Buffer.concat(pieces);
}
