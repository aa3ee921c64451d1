import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DnsServer, dnsPolicySource, StubResolver } from "../dns/index.ts";
import type { MailLogStore, ReceivedEntry } from "../mail-log/index.ts";
import { received } from "../mail-log/test-entries.ts";
import { openMailLogStore } from "../store/index.ts";
import { GatheredRows } from "./gathered-rows.ts";
import {
  type AggregateReport,
  type DailyReportEvent,
  DailyReports,
  type ReportDestination,
  ReportSchedule,
  unpackAggregateReport,
} from "./index.ts";
import { kid, row } from "./test-reports.ts";

// Daily reports from a real mail log, with real DNS on loopback.

const day = "2026-11-25";
const start = Date.parse(`${day}T00:00:00Z`);
const folder = mkdtempSync(join(tmpdir(), "vsmtp-daily-"));
const dns = new DnsServer();
let resolver: StubResolver;
let files = 0;
const logs: MailLogStore[] = [];

before(async () => {
  const { port } = await dns.listen(0, "127.0.0.1");
  resolver = new StubResolver({ servers: [{ address: "127.0.0.1", port }], timeoutMs: 500 });
});

after(async () => {
  for (const log of logs) await log.close();
  await dns.close();
  rmSync(folder, { recursive: true });
});

async function logOf(...entries: readonly ReceivedEntry[]): Promise<MailLogStore> {
  const log = await openMailLogStore(join(folder, `${files++}.sqlite`));
  logs.push(log);
  await log.add({ received: entries, delivered: [] });
  return log;
}

const entry = (rest: Partial<ReceivedEntry> = {}, at = start): ReceivedEntry =>
  received(at, {
    from: ["allice@someisp.test"],
    identity: "allice@someisp.test",
    kid,
    rcpt: "direct",
    ...rest,
  });
const unsigned: Partial<ReceivedEntry> = {
  result: "none",
  reason: "unsigned",
  identity: null,
  kid: null,
  align: null,
  rcpt: null,
  trust: null,
};

/** What was sent, and what the log would say. */
function reporting(
  log: MailLogStore,
  answer: (destination: ReportDestination) => string | null = () => null,
) {
  const sent: { to: string; report: AggregateReport }[] = [];
  const events: DailyReportEvent[] = [];
  const reports = new DailyReports({
    log,
    policies: dnsPolicySource(resolver),
    resolver,
    reporter: "dest.test",
    ownDomains: new Set(["dest.test"]),
    reportAddresses: new Set(["reports@dest.test"]),
    send: async (report, packed, destination) => {
      const problem = answer(destination);
      if (problem !== null) return problem;
      assert.deepEqual(await unpackAggregateReport(packed), { ok: true, report });
      sent.push({ to: destination.kind === "mail" ? destination.address : destination.url.href, report });
      return null;
    },
    onEvent: (event) => events.push(event),
  });
  return { reports, sent, events };
}

test("REP-1, REP-2: a domain that asks for it hears what became of mail in its name, by kinds", async () => {
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject; rua=mailto:reports@someisp.test"] });
  const log = await logOf(
    entry(),
    entry({}, start + 86_399_999),
    entry(unsigned),
    entry({ ...unsigned, decidedBy: "trusted", because: "a list", action: "deliver" }),
    // The identity's domain hears of it, too.
    entry({ from: ["x@other.test"], align: "sender", result: "neutral", reason: "sender-only" }),
    entry({}, start - 1),
    entry({}, start + 86_400_000),
    // No reports about reports (REP-8); our own domain has this log.
    entry({ recipients: ["Reports@dest.test"] }),
    entry({ from: ["bob@dest.test"], identity: "bob@dest.test" }),
  );
  const { reports, sent, events } = reporting(log);
  await reports.send(day, { last: false });
  assert.deepEqual(
    sent.map(({ to }) => to),
    ["reports@someisp.test"],
  );
  const { rows, ...head } = (sent[0] as { report: AggregateReport }).report;
  assert.deepEqual(head, {
    reporter: "dest.test",
    domain: "someisp.test",
    begin: start / 1000,
    end: start / 1000 + 86_400,
    policy: "reject",
  });
  const none = { result: "none", reason: "unsigned", align: null, rcpt: null, trust: null, k: null };
  const byText = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  assert.deepEqual(
    [...rows].sort(byText),
    [
      row({ count: 2 }),
      row(none),
      row({ ...none, override: "trusted" }),
      row({ result: "neutral", reason: "sender-only", align: "sender" }),
    ].sort(byText),
  );
  assert.equal(rows[0]?.count, 2, "the most frequent first");
  assert.ok(!JSON.stringify(rows).includes("@"));
  assert.deepEqual(events, [
    { kind: "sent", day, domain: "someisp.test", to: "reports@someisp.test", messages: 5, rows: 4 },
  ]);
});

test("POL-4: what is below a domain is in its report; domains without rua hear nothing", async () => {
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; rua=mailto:reports@someisp.test"] });
  dns.set("_vsmtp.own.someisp.test", { TXT: ["v=VSMTP1; rua=mailto:r@own.someisp.test"] });
  dns.set("_vsmtp.mute.test", { TXT: ["v=VSMTP1; p=reject"] });
  dns.set("_vsmtp.broken.test", { TXT: ["v=VSMTP1; rua=ftp://broken.test/"] });
  const froms = ["a@someisp.test", "a@x1.someisp.test", "a@x2.y.someisp.test", "a@own.someisp.test"];
  const others = ["a@mute.test", "a@broken.test", "a@none.test"];
  const log = await logOf(...[...froms, ...others].map((from) => entry({ ...unsigned, from: [from] })));
  const { reports, sent } = reporting(log);
  await reports.send(day, { last: false });
  assert.deepEqual(
    sent.map(({ to, report }) => [to, report.domain, report.rows.map(({ count }) => count)]).sort(),
    [
      ["r@own.someisp.test", "own.someisp.test", [1]],
      ["reports@someisp.test", "someisp.test", [3]],
    ],
  );
});

test("REP-3: a host outside the domain must say that it takes its reports", async () => {
  const rua = "mailto:a@taker.test,https://else.test/in";
  dns.set("_vsmtp.someisp.test", { TXT: [`v=VSMTP1; rua=${rua}`] });
  const { reports, sent, events } = reporting(await logOf(entry()));
  await reports.send(day, { last: false });
  assert.deepEqual(sent, []);
  assert.deepEqual(
    events.map((event) => event.kind === "failed" && event.detail),
    [
      "taker.test does not say at someisp.test._report._vsmtp.taker.test that it takes them",
      "else.test does not say at someisp.test._report._vsmtp.else.test that it takes them",
    ],
  );
  dns.set("someisp.test._report._vsmtp.taker.test", { TXT: ["v=VSMTP1"] });
  dns.set("someisp.test._report._vsmtp.else.test", { TXT: ["v=spf1 -all", "v=VSMTP1;"] });
  await reports.send(day, { last: false });
  assert.deepEqual(
    sent.map(({ to }) => to),
    ["a@taker.test", "https://else.test/in"],
  );
});

test("what failed is tried again once, the next day; what was sent is not sent again", async () => {
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; rua=https://someisp.test/in"] });
  dns.set("_vsmtp.other.test", { TXT: ["v=VSMTP1; rua=mailto:r@other.test"] });
  const log = await logOf(entry(), entry({ ...unsigned, from: ["x@other.test"] }));
  const { reports, sent, events } = reporting(log, ({ kind }) => (kind === "https" ? "answered 503" : null));
  let now = start + 86_400_000;
  const failures: unknown[] = [];
  const schedule = () =>
    new ReportSchedule({
      log,
      reports,
      reporter: "dest.test",
      onFailure: (cause) => failures.push(cause),
      now: () => now,
    });
  const [one, two] = [schedule(), schedule()];
  await one.look();
  assert.deepEqual(events, [], "it is too early");
  now += 4 * 3_600_000;
  await Promise.all([one.look(), two.look()]);
  await one.look();
  const told = (): string[] => events.map(({ kind, domain }) => `${kind} ${domain}`).sort();
  assert.deepEqual(told(), ["failed someisp.test", "sent other.test"]);
  for (let days = 0; days < 3; days++) {
    now += 86_400_000;
    await Promise.all([one.look(), two.look()]);
  }
  assert.deepEqual(told(), ["failed someisp.test", "failed someisp.test", "sent other.test"]);
  assert.equal(sent.length, 1);
  assert.deepEqual(failures, []);
  await one.stop();
});

test("a DNS that fails is said, and the report goes the next time", async () => {
  dns.fail("_vsmtp.someisp.test", "SERVFAIL");
  const log = await logOf(entry());
  const { reports, events, sent } = reporting(log);
  await reports.send(day, { last: false });
  assert.deepEqual([events[0]?.kind, events[0]?.domain, sent.length], ["failed", "someisp.test", 0]);
  dns.fail("_vsmtp.someisp.test", null);
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; rua=mailto:r@someisp.test"] });
  await reports.send(day, { last: true });
  assert.equal(sent.length, 1);
  await reports.send(day, { last: true });
  assert.equal(sent.length, 1);
});

test("forged mail of more kinds than a report has rows is told without key and client", () => {
  const gathered = new GatheredRows();
  for (let n = 0; n < 12_000; n++) gathered.add(row({ ip: `10.0.${n >> 8}.${n & 255}` }));
  gathered.add(row({ ip: "10.0.0.1", count: 2 }));
  const rows = gathered.rows();
  assert.deepEqual([rows.length, gathered.count], [9001, 12_002]);
  assert.deepEqual([rows[0]?.ip, rows[0]?.k, rows[0]?.count], [null, null, 3000]);
  assert.deepEqual([rows[1]?.ip, rows[1]?.count], ["10.0.0.1", 3]);
});
