import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  type AggregateReport,
  aggregateMail,
  packAggregateReport,
  ReceivedReports,
  takeReport,
} from "./index.ts";
import { begin, kid, report } from "./test-reports.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-reports-"));
after(() => rmSync(folder, { recursive: true }));
const now = (begin + 90_000) * 1000;

/** The mail as it reaches local delivery. */
function mail(changes: Partial<AggregateReport> = {}, results = passedBy("mailer-daemon@dest.test")): Buffer {
  const sent = report(changes);
  const options = { from: "a@dest.test", to: "reports@someisp.test", hostname: "dest.test", now, id: "1" };
  return Buffer.concat([Buffer.from(results), aggregateMail(sent, packAggregateReport(sent), options)]);
}

function passedBy(identity: string): string {
  return `Authentication-Results: mx.someisp.test;\r\n vsmtp=pass header.i=${identity} header.k=${kid}\r\n`;
}

async function problemOf(
  message: Uint8Array,
  hostedDomains = ["other.test", "someisp.test"],
): Promise<string> {
  const taken = await takeReport(message, { hostedDomains, now });
  return taken.ok ? "none" : taken.problem;
}

test("REP-8: a report counts from whom it says it is, proved, about a domain of ours, of these days", async () => {
  const taken = await takeReport(mail(), {
    hostedDomains: ["someisp.test"],
    now,
  });
  assert.deepEqual(taken, { ok: true, report: report(), packed: packAggregateReport(report()) });
  // The record of a domain above asks for reports (POL-4).
  assert.equal(await problemOf(mail(), ["mail.someisp.test"]), "none");

  assert.match(await problemOf(mail({}, "")), /verified sender only/);
  const failed = passedBy("a@dest.test").replace("pass", "fail");
  assert.match(await problemOf(mail({}, failed)), /verified sender only/);
  // What the sender wrote himself stands below what our border did.
  const elsewhere = `Received: from x by mx.someisp.test\r\n${passedBy("a@dest.test")}`;
  assert.match(await problemOf(mail({}, elsewhere)), /verified sender only/);
  // Several hosts share a queue: another one's border is ours.
  const other = passedBy("a@dest.test").replace("mx.someisp.test", "mx2.someisp.test");
  assert.equal(await problemOf(mail({}, other)), "none");
  assert.match(await problemOf(mail({}, passedBy("a@evil.test"))), /by dest\.test, and evil\.test signed/);
  assert.match(await problemOf(mail({}, passedBy("a@mail.dest.test"))), /and mail\.dest\.test signed/);
  assert.match(await problemOf(mail({ domain: "else.test" })), /else\.test, which is not hosted here/);
  assert.match(await problemOf(mail({ domain: "x.someisp.test" })), /not hosted here/);
  assert.match(await problemOf(mail({ begin: begin + 9 * 86_400, end: begin + 10 * 86_400 })), /to come/);
  assert.match(await problemOf(mail({ begin: begin - 90 * 86_400, end: begin - 89 * 86_400 })), /long past/);
  assert.match(await problemOf(Buffer.concat([mail(), Buffer.alloc(3 << 20, 10)])), /too large/);
  assert.match(
    await problemOf(Buffer.from(`${passedBy("a@dest.test")}Subject: hello\r\n\r\nhello\r\n`)),
    /brings no report/,
  );
});

test("received reports are a folder: each once, so many of a reporter, kept so long", async () => {
  const place = join(folder, "reports");
  const reports = new ReceivedReports(place, { files: 4, filesPerReporter: 2, octets: 1 << 20 });
  const add = (changes: Partial<AggregateReport>): Promise<string | null> => {
    const one = report(changes);
    return reports.add(one, packAggregateReport(one));
  };
  const listed = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const one of reports.list())
      found.push(one.ok ? `${one.report.reporter} ${one.report.policy}` : one.problem);
    return found.sort();
  };
  assert.deepEqual(await listed(), []);
  assert.equal(await add({}), null);
  assert.equal(await add({ policy: "none" }), null);
  assert.deepEqual(await listed(), ["dest.test none"]);
  assert.equal(await add({ end: begin + 1 }), null);
  assert.equal(await add({ end: begin + 2 }), "there are 2 of dest.test already");
  assert.equal(await add({ policy: "quarantine" }), null, "one that comes again has its place");
  for (const reporter of ["b.test", "c.test"]) assert.equal(await add({ reporter }), null);
  assert.equal(await add({ reporter: "d.test" }), "there are 4 reports already");
  assert.equal(statSync(place).mode & 0o777, 0o700);

  const [file = ""] = readdirSync(place);
  writeFileSync(join(place, file), "broken");
  assert.equal((await listed()).filter((one) => one === "it is not gzip").length, 1);
  const others = ["keyring.sqlite", ".profile", `.${randomUUID()}`];
  for (const other of others) writeFileSync(join(place, other), "");
  for (const old of [file, ...others]) utimesSync(join(place, old), 1000, 1000);
  await reports.forget(2_000_000);
  assert.deepEqual(
    readdirSync(place).filter((name) => !name.endsWith(".gz")),
    others.slice(0, 2).sort(),
    "no file of anybody else",
  );
  rmSync(join(place, "keyring.sqlite"));
  assert.equal((await listed()).length, 3);
});

test("received reports take bounded room, whoever sends them", async () => {
  const packed = packAggregateReport(report());
  const limits = { files: 100, filesPerReporter: 100, octets: packed.length * 3 };
  const place = join(folder, "bounded");
  const add = (end: number, reports: ReceivedReports): Promise<string | null> =>
    reports.add(report({ end: begin + end }), packed);
  const reports = new ReceivedReports(place, limits);
  for (const end of [1, 2, 3]) assert.equal(await add(end, reports), null);
  const full = `there are ${packed.length * 3} octets already`;
  assert.equal(await add(4, reports), full);
  assert.equal(await add(4, new ReceivedReports(place, limits)), full, "after a restart, too");
  for (const file of readdirSync(place)) utimesSync(join(place, file), 1000, 1000);
  await reports.forget(2_000_000);
  assert.equal(await add(4, reports), null);
});
