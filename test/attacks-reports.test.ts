import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import {
  type AggregateReport,
  aggregateMail,
  packAggregateReport,
  ReceivedReports,
} from "../src/reports/index.ts";
import { report, row } from "../src/reports/test-reports.ts";
import type { Author } from "./support/authors.ts";
import { nowSeconds } from "./support/authors.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Reports that strangers send to an address for reports: they prove who they are, and lie in all else.

let site: ReceivingSite;
let author: Author;

before(async () => {
  site = await ReceivingSite.start({ settings: '[reports]\nreceive = ["reports@dest.test"]' });
  author = site.author("allice@someisp.test");
});
after(() => site.stop());

const now = nowSeconds();
const honest = report({
  reporter: "someisp.test",
  domain: "dest.test",
  begin: now - 90_000,
  end: now - 3600,
});

let serial = 0;

/** What the server says when it has come to the end of a mail with this attachment. */
async function outcomeOf(packed: Uint8Array, names: AggregateReport = honest): Promise<unknown> {
  const mail = aggregateMail(names, packed, {
    from: author.address,
    to: "reports@dest.test",
    hostname: "someisp.test",
    now: Date.now(),
    id: `attack-${++serial}`,
  });
  const { event } = await site.send(author.sign(mail, { recipients: [] }), {
    to: ["reports@dest.test"],
    from: "",
  });
  assert.equal(event?.verdict.result, "pass");
  for (let tries = 0; tries < 500; tries++) {
    const line = site.provider.log.find(
      ({ id, msg }) => id === event.queuedAs && (msg === "report taken" || msg === "no report"),
    );
    if (line) return line.msg === "report taken" ? "taken" : line.detail;
    await sleep(20);
  }
  return "nothing was said";
}

test("a verified sender's report about us, in his own name", async () => {
  assert.equal(await outcomeOf(packAggregateReport(honest)), "taken");
});

test("in another's name, about another's mail, of another time", async () => {
  const lie = (changes: Partial<AggregateReport>): Promise<unknown> =>
    outcomeOf(packAggregateReport({ ...honest, ...changes }));
  assert.equal(
    await lie({ reporter: "bank.test" }),
    "the report says it is by bank.test, and someisp.test signed",
  );
  assert.equal(await lie({ domain: "bank.test" }), "the report is about bank.test, which is not hosted here");
  assert.match(String(await lie({ begin: now + 90_000, end: now + 99_000 })), /to come/);
});

test("what unpacks to a thousand times as much, what is no gzip, what deceives terminals", async () => {
  const bomb = gzipSync(Buffer.alloc(64 << 20, 32));
  assert.match(String(await outcomeOf(bomb)), /unpacks to more than 4194304 octets/);
  assert.match(String(await outcomeOf(Buffer.from("MZ\u0000"))), /it is not gzip/);
  const deep = gzipSync(`{"v":${"[".repeat(1_000_000)}`);
  assert.match(String(await outcomeOf(deep)), /it is not JSON/);
  const rows = [row({ action: "\u001b[2Jdeliver" })];
  assert.match(String(await outcomeOf(packAggregateReport({ ...honest, rows }))), /row 0: action is no word/);
});

test("reports without end: the same one replaces itself, others have their number", async () => {
  const folder = new ReceivedReports(`${site.provider.folder}/data/reports`, {
    files: 5,
    filesPerReporter: 3,
    octets: 1 << 20,
  });
  for (let n = 0; n < 3; n++) assert.equal(await outcomeOf(packAggregateReport(honest)), "taken");
  let count = 0;
  for await (const one of folder.list()) if (one.ok) count++;
  assert.equal(count, 1);
  const packed = packAggregateReport(honest);
  for (let n = 1; n <= 2; n++)
    assert.equal(await folder.add({ ...honest, end: honest.end + n }, packed), null);
  assert.match(
    String(await folder.add({ ...honest, end: honest.end + 3 }, packed)),
    /there are 3 of someisp\.test/,
  );
});

test("mail that does not pass is refused in the session", async () => {
  const mail = aggregateMail(honest, packAggregateReport(honest), {
    from: author.address,
    to: "reports@dest.test",
    hostname: "someisp.test",
    now: Date.now(),
    id: "unsigned",
  });
  assert.equal((await site.send(mail, { to: ["reports@dest.test"] })).summary, "550 unsigned");
  const signed = author
    .sign(mail, { recipients: [] })
    .toString("latin1")
    .replace("VSMTP report", "VSMTP reports");
  assert.equal((await site.send(signed, { to: ["reports@dest.test"] })).summary, "550 signature");
});
