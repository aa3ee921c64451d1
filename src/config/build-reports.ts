import { resolve } from "node:path";
import { canonicalLocalPart } from "./build-forwards.ts";
import { formatPath, type Report } from "./problems.ts";
import type { ReportSettings } from "./report-settings.ts";
import type { Settings } from "./schema.ts";

/** Reports are of yesterday, or late by a day. */
const LEAST_LOG_MS = 3 * 86_400_000;

/** @param dataDirectory relative paths count from there */
export function buildReports(
  { reports: written, domains, roles, log }: Settings,
  dataDirectory: string,
  report: Report,
): ReportSettings {
  const hosted = new Set(domains.map(({ name }) => name));
  const receive = new Set<string>();
  for (const [index, address] of written.receive.entries()) {
    const path = ["reports", "receive", index];
    const at = address.lastIndexOf("@");
    const domain = address.slice(at + 1);
    if (!hosted.has(domain)) {
      report(
        path,
        `${formatPath(path)}: ${domain} has no [[domains]] table, so mail for it does not come here`,
      );
    }
    receive.add(`${canonicalLocalPart(address.slice(0, at))}@${domain}`);
  }
  const domain = written.domain ?? domains[0]?.name ?? null;
  if (written.send && domain === null) {
    report(["reports", "send"], "reports.send needs reports.domain, in whose name reports are signed");
  }
  if (written.send && !roles.includes("delivery")) {
    report(["reports", "send"], 'reports.send needs the role "delivery", which sends them');
  }
  if (written.send && (!log.enabled || log.keep < LEAST_LOG_MS)) {
    report(
      ["reports", "send"],
      "reports.send needs log.enabled, and log.keep of 3d or more: it counts the mail log",
    );
  }
  return {
    send: written.send,
    domain,
    receive,
    folder: resolve(dataDirectory, written.folder),
    keepMs: written.keep,
  };
}
