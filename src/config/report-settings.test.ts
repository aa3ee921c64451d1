import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./index.ts";

function load(text: string, roles = '"mx", "delivery"') {
  const settings = `roles = [${roles}]
hostname = "mx1.dest.test"
data_directory = "/var/lib/vsmtp"
[mx]
listen = [{ address = "127.0.0.1:2525", tls = "none" }]
[[domains]]
name = "dest.test"
maildir_root = "mail"
${text}`;
  return loadConfig(settings, "/etc/vsmtp/vsmtp.toml");
}

test("reports: nothing is sent or taken unless it is said", () => {
  const result = load("");
  assert.ok(result.ok);
  assert.deepEqual(result.config.reports, {
    send: false,
    domain: "dest.test",
    receive: new Set(),
    folder: "/var/lib/vsmtp/reports",
    keepMs: 90 * 86_400_000,
  });
});

test("reports: canonical addresses of domains that are here", () => {
  const result = load(`[reports]
send = true
domain = "Mail.dest.test"
receive = ["VSMTP-Reports@Dest.test", "vsmtp-reports@dest.test"]
folder = "/srv/reports"
keep = "30d"
`);
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.config.reports, {
    send: true,
    domain: "mail.dest.test",
    receive: new Set(["vsmtp-reports@dest.test"]),
    folder: "/srv/reports",
    keepMs: 30 * 86_400_000,
  });
});

test("reports: contradictions", () => {
  const problems = (text: string, roles?: string): string[] => {
    const result = load(text, roles);
    return result.ok ? [] : result.problems.map(({ message }) => message);
  };
  assert.deepEqual(problems('[reports]\nreceive = ["a@other.test"]\n'), [
    "reports.receive[0]: other.test has no [[domains]] table, so mail for it does not come here",
  ]);
  assert.deepEqual(problems("[reports]\nsend = true\n", '"mx"'), [
    'reports.send needs the role "delivery", which sends them',
  ]);
  const unlogged = "reports.send needs log.enabled, and log.keep of 3d or more: it counts the mail log";
  assert.deepEqual(problems("[reports]\nsend = true\n[log]\nenabled = false\n"), [unlogged]);
  assert.deepEqual(problems('[reports]\nsend = true\n[log]\nkeep = "2d"\n'), [unlogged]);
  assert.match(problems('[reports]\nreceive = ["postmaster"]\n').join(), /must be an address such as/);
});
