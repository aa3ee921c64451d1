import type { AddressExpansion, ReportSigner } from "../delivery/index.ts";
import type { Queue } from "../queue/index.ts";
import { type DailyReportEvent, ReceivedReports, ReportSchedule } from "../reports/index.ts";
import { reportInbox } from "./report-inbox.ts";
import { openDailyReports } from "./report-sender.ts";
import type { Shared } from "./role.ts";
import { SystemMail } from "./system-mail.ts";

/** Reports of others and to others, while a delivery role runs. */
export interface RunningReports {
  /** The addresses where others' reports come in; null: there are none. */
  readonly inbox: AddressExpansion | null;
  stop(): Promise<void>;
}

const FORGET_EVERY_MS = 6 * 3_600_000;

export function startReports(shared: Shared, queue: Queue, signer: ReportSigner): RunningReports {
  const { config } = shared;
  const receiving = config.reports.receive.size > 0 ? startReceiving(shared) : null;
  const schedule = config.reports.send ? startSending(shared, queue, signer) : null;
  return {
    inbox: receiving?.inbox ?? null,
    stop: async () => {
      receiving?.stop();
      await schedule?.stop();
    },
  };
}

function startReceiving({ config, log }: Shared): { inbox: AddressExpansion; stop(): void } {
  const reports = new ReceivedReports(config.reports.folder);
  const forget = (): void => {
    reports
      .forget(Date.now() - config.reports.keepMs)
      .catch((err) => log.warn({ role: "delivery", err }, "old reports cannot be removed"));
  };
  forget();
  const timer = setInterval(forget, FORGET_EVERY_MS).unref();
  const inbox = reportInbox({
    config,
    reports,
    onTaken: ({ id }, intake) => {
      if (!intake.ok) {
        log.info({ role: "delivery", id, detail: intake.problem }, "no report");
        return;
      }
      const { reporter, domain, begin, end } = intake.report;
      log.info({ role: "delivery", id, reporter, domain, begin, end }, "report taken");
    },
  });
  return { inbox, stop: () => clearInterval(timer) };
}

function startSending(shared: Shared, queue: Queue, signer: ReportSigner): ReportSchedule | null {
  const { config, log, network, memories, mailLog } = shared;
  const { domain } = config.reports;
  if (domain === null) return null;
  const reports = openDailyReports({
    config,
    network,
    policies: memories.policies(),
    log: mailLog.store,
    mail: new SystemMail({ signer, queue, domain }),
    domain,
    onEvent: (event) => logEvent(log, event),
  });
  const schedule = new ReportSchedule({
    log: mailLog.store,
    reports,
    reporter: domain,
    onFailure: (err) => log.warn({ role: "delivery", err }, "reports cannot be sent now"),
  });
  schedule.start();
  return schedule;
}

function logEvent(log: Shared["log"], event: DailyReportEvent): void {
  const { kind, ...fields } = event;
  // Domains of forged mail have DNS of all kinds.
  const level = kind === "failed" && event.to === null ? "debug" : "info";
  log[level]({ role: "delivery", ...fields }, kind === "sent" ? "report sent" : "report not sent");
}
