import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DnsServer } from "../src/dns/index.ts";
import { packAggregateReport } from "../src/reports/index.ts";
import { begin, kid, report, row } from "../src/reports/test-reports.ts";
import { CommandLine } from "./support/command-line.ts";

// vsmtp report as an operator types it: what it prints, its JSON, what it refuses.

const dns = new DnsServer();
const { port } = await dns.listen(0, "127.0.0.1");
const cli = new CommandLine(
  `[[domains]]
name = "someisp.test"
maildir_root = "mail"
[network]
resolvers = ["127.0.0.1:${port}"]
`,
  ["submission", "delivery"],
);
const file = (name: string): string => join(cli.folder, name);

const spam = [
  "Return-Path: <mallory@evil.test>",
  "Delivered-To: allice@someisp.test",
  "Authentication-Results: mx.someisp.test;",
  ` vsmtp=pass header.i=mallory@evil.test header.k=${kid} policy.align=from`,
  "Received: from relay.evil.test ([192.0.2.7]) by mx.someisp.test with ESMTPS",
  " id 1M85 for <allice@someisp.test>; Wed, 25 Nov 2026 10:00:00 +0000",
  "VSMTP-Signature: v=1; x",
  "From: <mallory@evil.test>",
  "Subject: \u001b[2JWin",
  "",
  "Buy now",
  "",
].join("\r\n");

before(async () => {
  const rows = [
    row({ count: 1190 }),
    row({ result: "none", reason: "unsigned", k: null, ip: "203.0.113.9", count: 8, action: "reject" }),
    row({ result: "fail", reason: "revoked", count: 4, action: "reject", ip: "203.0.113.66" }),
  ];
  writeFileSync(file("a.json.gz"), packAggregateReport(report({ rows })));
  writeFileSync(file("spam"), spam);
});

after(async () => {
  await dns.close();
  cli.remove();
});

test("report show: who sees what, what is wrong, what to do", async () => {
  await cli.does("report show", /^no reports\n$/);
  const { stdout } = await cli.run(`report show ${file("a.json.gz")}`);
  assert.match(
    stdout,
    /^someisp\.test, 2026-11-25: 1,202 messages in 1 report, p=reject\n\nRECEIVER .*\ndest\.test +1 +1,202 +1,190 +0 +8 +4 +0 +0 +12\n\nWhat did not pass:\n/,
  );
  assert.match(stdout, /\n203\.0\.113\.9 +8 +1 +none\/unsigned 8\n/);
  assert.match(stdout, /\nWhat to do:\n {2}\* none unsigned: Mail without/);
  assert.match(stdout, /\* Before you suspend an account, see what it/);
  await cli.does(`report show ${file("a.json.gz")} --domain other.test`, /^no reports\n$/);
  await cli.does(`report show ${file("a.json.gz")} --reporter other.test`, /^no reports\n$/);
  await cli.does(`report show ${file("a.json.gz")} --since 2026-11-26`, /^no reports\n$/);
  await cli.does(
    `report show ${file("a.json.gz")} --since 2026-11-25 --domain SomeISP.test`,
    /1,202 messages/,
  );
});

test("report show: what came to the addresses for reports; a file that is none does not hide the others", async () => {
  mkdirSync(file("data/reports"), { recursive: true });
  writeFileSync(file("data/reports/1"), packAggregateReport(report()));
  writeFileSync(file("data/reports/2"), "\u001b[2J");
  const ran = await cli.run("report show --json");
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /^vsmtp: \S+\/2: this is no report: it is not gzip\n$/);
  const { file: from, ...shown } = JSON.parse(ran.stdout);
  assert.equal(from, file("data/reports/1"));
  assert.deepEqual(shown, { ...report(), end: begin + 86_400 });
  await cli.refuses("report show nothing.gz", /^vsmtp: nothing\.gz: cannot be read: ENOENT\n$/);
});

test("report spam: a complaint goes where the record says, else to abuse@ (REP-4)", async () => {
  const dry = async (): Promise<Record<string, unknown>> =>
    cli.object(`report spam ${file("spam")} --dry-run`);
  const first = await dry();
  assert.deepEqual(
    { ...first, mail: null },
    {
      identity: "mallory@evil.test",
      kid,
      to: "abuse@evil.test",
      queued: null,
      mail: null,
    },
  );
  assert.match(
    String(first.mail),
    /^From: Abuse reports <mailer-daemon@someisp\.test>\r\nTo: <abuse@evil\.test>\r\n/,
  );
  assert.ok(!String(first.mail).includes("allice@someisp.test"));
  dns.set("_vsmtp.evil.test", { TXT: ["v=VSMTP1; rua=https://evil.test/,mailto:r@taker.test"] });
  assert.equal((await dry()).to, "abuse@evil.test");
  dns.set("evil.test._report._vsmtp.taker.test", { TXT: ["v=VSMTP1"] });
  assert.equal((await dry()).to, "r@taker.test");
  dns.fail("_vsmtp.evil.test", "SERVFAIL");
  await cli.refuses(
    `report spam ${file("spam")} --dry-run`,
    /the record of evil\.test cannot be looked up/,
    75,
  );
  dns.fail("_vsmtp.evil.test", null);
  assert.ok(!existsSync(file("data/keyring.sqlite")), "nothing is opened to see what would be sent");
});

test("report spam: queued, signed by mailer-daemon", async () => {
  await cli.refuses(`report spam ${file("spam")}`, /there is no queue on this host/);
  await cli.does("domain add someisp.test", /is hosted/);
  // As a server would have made it.
  const { openQueueStore } = await import("../src/store/index.ts");
  const { Spool } = await import("../src/spool/index.ts");
  const spool = await Spool.open(file("data/spool"));
  await (await openQueueStore(file("data/queue.sqlite"), spool)).close();
  await cli.does(
    `report spam -`,
    /^complaint about mallory@evil\.test to r@taker\.test queued as [0-9A-Z]{16}\n$/,
    spam.replaceAll("\r\n", "\n"),
  );
  const queued = await cli.object("queue list");
  assert.equal(queued.sender, "");
  const { stdout } = await cli.run(`queue show ${queued.id} --content`);
  assert.match(stdout, /^VSMTP-Signature: [\s\S]* i=mailer-daemon@someisp\.test;/);
  assert.match(stdout, /\r\nVSMTP-Identity: mallory@evil\.test\r\n/);
  const [entry] = await cli.objects("audit list --action sign");
  assert.match(String(entry?.actor), /^cli:/);
});

test("report show --accounts: whose keys they are", async () => {
  const { kid: ours } = await cli.object("account add allice@someisp.test");
  const rows = [
    row({ result: "fail", reason: "body", k: String(ours) }),
    row({ result: "fail", reason: "no-key" }),
  ];
  writeFileSync(file("b.json.gz"), packAggregateReport(report({ rows })));
  const { stdout, stderr } = await cli.run(`report show ${file("b.json.gz")} --accounts`);
  assert.equal(stderr, "");
  assert.match(stdout, new RegExp(`\n${ours} +allice@someisp.test +1 +1 +fail/body 1\n`));
  assert.match(stdout, new RegExp(`\n${kid} +not ours +1 +1 +fail/no-key 1\n`));
});

test("report spam: what is no proved spam of others is refused", async () => {
  const refuses = (text: string, said: RegExp, status = 1): Promise<void> =>
    cli.refuses("report spam -", said, status, text);
  await refuses(
    spam.replace("vsmtp=pass", "vsmtp=fail"),
    /result is fail: who sent it is not known for sure/,
  );
  await refuses(
    spam.replace("mx.someisp.test;", "mx.evil.test;"),
    /mx\.someisp\.test recorded no VSMTP result/,
  );
  await refuses(
    spam.replaceAll("evil.test", "someisp.test"),
    /is an account of this host: vsmtp account suspend/,
    2,
  );
  await cli.refuses("report spam nothing", /cannot be read/);
});
