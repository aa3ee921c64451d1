// Reports between mail systems: what became of a domain's mail in a day (REP-1), and complaints about spam by an
// identity that was verified (REP-4). Sending, taking and reading them.
export { type AbuseMailOptions, type AbuseReport, abuseMail } from "./abuse-report.ts";
export { aggregateMail } from "./aggregate-mail.ts";
export { type AggregateReport, packAggregateReport, type ReportRow } from "./aggregate-report.ts";
export { type Complaint, complaintAbout, isComplaint } from "./complaint.ts";
export {
  type DailyReportEvent,
  DailyReports,
  type DailyReportsOptions,
  type DueReport,
  type SendReport,
} from "./daily-reports.ts";
export type { MailOptions } from "./mail-options.ts";
export { postReport } from "./post-report.ts";
export { type ReceivedReport, ReceivedReports, readReportFile } from "./received-reports.ts";
export { type AttachedReport, attachedReport, MAX_REPORT_MAIL_OCTETS } from "./report-attachment.ts";
export { permissionName, type ReportDestination, reportDestinations } from "./report-destinations.ts";
export { type Intake, type IntakeOptions, takeReport } from "./report-intake.ts";
export { dayOf, ReportSchedule, type ReportScheduleOptions } from "./report-schedule.ts";
export { type ReportedDomain, reportedDomainOf, whyNotSentTo } from "./reported-domain.ts";
export {
  type Counted,
  type ProblemSummary,
  type ReceiverSummary,
  type ReportSummary,
  type SourceSummary,
  summarizeReports,
} from "./summarize-reports.ts";
export {
  readAggregateReport,
  type UnpackedReport,
  unpackAggregateReport,
} from "./unpack-aggregate-report.ts";
