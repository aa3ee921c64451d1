import type { Config } from "../config/index.ts";
import type { PolicySource } from "../dns/index.ts";
import type { MailLogStore } from "../mail-log/index.ts";
import { aggregateMail, type DailyReportEvent, DailyReports, postReport } from "../reports/index.ts";
import { type Network, trustOf } from "./network.ts";
import type { SystemMail } from "./system-mail.ts";

export interface ReportSenderOptions {
  readonly config: Config;
  readonly network: Network;
  readonly policies: PolicySource;
  readonly log: Pick<MailLogStore, "aggregate" | "claimDay">;
  /** Null: nothing is sent, only looked at. */
  readonly mail: SystemMail | null;
  /** In whose name: `config.reports.domain`. */
  readonly domain: string;
  readonly onEvent?: (event: DailyReportEvent) => void;
}

/** Daily reports of an installation, by mail and by HTTPS. */
export function openDailyReports(options: ReportSenderOptions): DailyReports {
  const { config, network, policies, log, mail, domain, onEvent } = options;
  const { hostname } = config;
  const { resolver, dialer } = network;
  const https = {
    resolver,
    dialer,
    secureContext: trustOf(network),
    allowPrivateAddresses: config.network.allowPrivateAddresses,
  };
  return new DailyReports({
    log,
    policies,
    resolver,
    reporter: domain,
    ownDomains: new Set(config.domains.map(({ name }) => name)),
    reportAddresses: config.reports.receive,
    send: async (report, packed, destination, signal) => {
      if (mail === null) throw new Error("nothing was to be sent");
      if (destination.kind === "https") return postReport(destination.url, packed, https, signal);
      const outcome = await mail.send(destination.address, (frame) =>
        aggregateMail(report, packed, { ...frame, to: destination.address, hostname }),
      );
      return outcome.kind === "queued" ? null : outcome.detail;
    },
    ...(onEvent === undefined ? {} : { onEvent }),
  });
}
