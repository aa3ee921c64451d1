import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { aggregateMail, packAggregateReport, readAggregateReport, unpackAggregateReport } from "./index.ts";
import { attachedReport } from "./report-attachment.ts";
import { begin, kid, report, row } from "./test-reports.ts";

const mailOptions = {
  from: "mailer-daemon@dest.test",
  to: "reports@someisp.test",
  hostname: "mx.dest.test",
  now: Date.UTC(2026, 10, 26, 1),
  id: "0b9a2c6e-0000-4000-8000-000000000000",
};

test("REP-1: gzip JSON, its members in the order of the specification", async () => {
  const packed = packAggregateReport(report());
  assert.equal(
    gunzipSync(packed).toString(),
    `{"v":1,"reporter":"dest.test","domain":"someisp.test","begin":${begin},"end":${begin + 86_400},"policy":"reject","rows":[${[
      `{"result":"pass","reason":null,"align":"from","rcpt":"direct","trust":"host","k":"${kid}","ip":"192.0.2.1","count":1,"action":"deliver","override":null}`,
      '{"result":"none","reason":"unsigned","align":null,"rcpt":null,"trust":null,"k":null,"ip":"192.0.2.1","count":1,"action":"reject","override":null}',
    ].join(",")}]}`,
  );
  assert.deepEqual(await unpackAggregateReport(packed), { ok: true, report: report() });
});

test("REP-1: a mail with one attachment brings it, whatever else is in the mail", () => {
  const packed = packAggregateReport(report());
  const mail = aggregateMail(report(), packed, mailOptions);
  const text = mail.toString("latin1");
  assert.match(text, /^From: VSMTP reports <mailer-daemon@dest\.test>\r\nTo: <reports@someisp\.test>\r\n/);
  assert.match(text, /\r\nSubject: VSMTP report, 2026-11-25:\r\n someisp\.test\r\n by dest\.test\r\n/);
  assert.match(text, /filename="dest\.test!someisp\.test!\d+!\d+\.json\.gz"/);
  assert.ok(text.split("\r\n").every((line) => line.length <= 78 && /^[ -~]*$/.test(line)));
  assert.deepEqual(attachedReport(mail), { ok: true, packed });

  const alone = `Content-Type: application/VSMTP-report+gzip; name=x\r\nContent-Transfer-Encoding: BASE64\r\n\r\n${packed.toString("base64")}\r\n`;
  assert.deepEqual(attachedReport(Buffer.from(alone)), { ok: true, packed });
  const problem = (message: string): string => {
    const found = attachedReport(Buffer.from(message));
    return found.ok ? "none" : found.problem;
  };
  assert.match(problem(text.replace("=_0b9a", "=_ffff")), /brings no report/);
  assert.match(problem(text.replace("report+gzip", "report")), /brings no report/);
  assert.match(problem(text.replace("base64", "quoted-printable")), /not in base64/);
  assert.match(problem(text.replace(/\r\nH4sI/, "\r\n*4sI")), /not in base64/);
  const part = text.slice(
    text.lastIndexOf("--=_", text.lastIndexOf("Content-Type")),
    text.lastIndexOf("--=_"),
  );
  assert.match(problem(text.replace(part, part + part)), /more than one report/);
  assert.match(problem("Subject: x\r\n\r\nhello"), /brings no report/);
});

test("what is no report is said, and nothing of it is shown", async () => {
  const change = (changes: object): string => JSON.stringify({ v: 1, ...report(), ...changes });
  const inRow = (changes: object): string => change({ rows: [{ ...row(), ...changes }] });
  const rows: [json: string, problem: RegExp][] = [
    ["", /not JSON/],
    ["[]", /no object/],
    ["null", /no object/],
    [change({ v: 2 }), /^v is not 1/],
    [change({ v: "1" }), /^v is not 1/],
    [change({ reporter: "\u001b[2J.test" }), /^reporter is no domain$/],
    [change({ reporter: "DEST.test" }), /^reporter/],
    [change({ domain: "../../etc" }), /^domain/],
    [change({ domain: null }), /^domain/],
    [change({ begin: -1 }), /begin and end/],
    [change({ begin: 1.5 }), /begin and end/],
    [change({ begin: begin + 86_400 }), /period/],
    [change({ begin: 0 }), /period/],
    [change({ end: 1e300 }), /begin and end/],
    [change({ policy: "none " }), /^policy/],
    [change({ policy: ["none"] }), /^policy/],
    [change({ rows: {} }), /^rows/],
    [change({ rows: Array(10_001).fill(row()) }), /^rows/],
    [change({ rows: [1] }), /^row 0: it is no object/],
    [inRow({ result: "\u001b]0;x" }), /^row 0: result is no word/],
    [inRow({ result: undefined }), /result/],
    [inRow({ result: "x".repeat(33) }), /result/],
    [inRow({ reason: "A" }), /reason/],
    [inRow({ align: 1 }), /align/],
    [inRow({ rcpt: "" }), /rcpt/],
    [inRow({ trust: "a b" }), /trust/],
    [inRow({ action: null }), /action/],
    [inRow({ override: {} }), /override/],
    [inRow({ k: "x" }), /k is no key id/],
    [inRow({ ip: "192.0.2.1; rm" }), /ip is no address/],
    [inRow({ ip: "fe80::1%eth0" }), /ip is no address/],
    [inRow({ count: 0 }), /count/],
    [inRow({ count: 1e11 }), /count/],
    [inRow({ count: "1" }), /count/],
  ];
  for (const [json, problem] of rows) {
    const read = readAggregateReport(json);
    assert.match(read.ok ? "it was read" : read.problem, problem, json.slice(0, 200));
  }
  // Members of later versions, and those that may be left out.
  const read = readAggregateReport(inRow({ more: 1, align: undefined, k: undefined, ip: undefined }));
  assert.deepEqual(read.ok && read.report.rows, [row({ align: null, k: null, ip: null })]);
});

test("a small attachment cannot become large, nor a large one be read", async () => {
  const problem = async (packed: Uint8Array): Promise<string> => {
    const unpacked = await unpackAggregateReport(packed);
    return unpacked.ok ? "none" : unpacked.problem;
  };
  const bomb = gzipSync(Buffer.alloc(30 << 20, 32));
  assert.ok(bomb.length < 1 << 20);
  assert.match(await problem(bomb), /unpacks to more than/);
  assert.match(await problem(gzipSync("[".repeat(4_000_000))), /not JSON/);
  assert.match(await problem(Buffer.alloc((1 << 20) + 1)), /more than 1048576 octets/);
  assert.match(await problem(Buffer.from("PK\u0003\u0004")), /not gzip/);
  assert.match(await problem(packAggregateReport(report()).subarray(0, 60)), /not gzip/);
  const mail = aggregateMail(report(), Buffer.alloc(2 << 20), mailOptions);
  assert.deepEqual(attachedReport(mail), { ok: false, problem: "the mail is too large to bring a report" });
});

test("no input throws", async () => {
  fc.assert(fc.property(fc.json(), (json) => void readAggregateReport(json)));
  const packed = packAggregateReport(report());
  const mail = aggregateMail(report(), packed, mailOptions);
  const damage = fc.array(fc.tuple(fc.nat(mail.length - 1), fc.nat(255)), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(mail.length), async (octets, end) => {
      const broken = Buffer.from(mail);
      for (const [at, octet] of octets) broken[at] = octet;
      const attached = attachedReport(broken.subarray(0, end));
      if (attached.ok) await unpackAggregateReport(attached.packed);
    }),
  );
});
