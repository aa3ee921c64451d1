import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { abuseMail, aggregateMail, complaintAbout, packAggregateReport } from "./index.ts";
import { kid, report } from "./test-reports.ts";

const missing = spawnSync("python3", ["--version"]).status === 0 ? false : "peer: python3 is not installed";
const options = { from: "a@dest.test", to: "r@someisp.test", hostname: "mx.dest.test", now: 0, id: "1" };

/** What Python's email package sees: types of the parts, defects, and what the program makes of them. */
function readByPython(mail: Buffer, program: string): unknown {
  const head = `import email, email.policy, gzip, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)
types = [part.get_content_type() for part in mail.walk()]
defects = [str(defect) for part in mail.walk() for defect in part.defects]
`;
  const tail = 'print(json.dumps({"types": types, "defects": defects, "found": found}))\n';
  const { status, stdout, stderr } = spawnSync("python3", ["-c", `${head}${program}\n${tail}`], {
    input: mail,
  });
  assert.equal(status, 0, stderr.toString());
  return JSON.parse(stdout.toString());
}

test("Python's email package reads the mail with a report, and gzip what is attached", {
  skip: missing,
}, () => {
  const mail = aggregateMail(report(), packAggregateReport(report()), options);
  const program = "found = json.loads(gzip.decompress(mail.get_payload()[1].get_content()))";
  assert.deepEqual(readByPython(mail, program), {
    types: ["multipart/mixed", "text/plain", "application/vsmtp-report+gzip"],
    defects: [],
    found: { v: 1, ...report() },
  });
});

test("and a complaint, with its fields and the message (RFC 5965)", { skip: missing }, () => {
  const results = `Authentication-Results: mx.dest.test;\r\n vsmtp=pass header.i=m%20x@evil.test header.k=${kid}\r\n`;
  const spam =
    'Received: from a.test ([192.0.2.1]); x\r\nFrom: <"m x"@evil.test>\r\nSubject: Win\r\n\r\nBuy n\u00f6w\r\n';
  const complaint = complaintAbout(Buffer.from(results + spam), "mx.dest.test");
  assert.ok(complaint.ok);
  const mail = abuseMail(complaint.report, { ...options, userAgent: "VSMTP/1" });
  const program = `fields = mail.get_payload()[1].get_payload()[0]
found = [fields["VSMTP-Identity"], fields["VSMTP-Key-Id"], fields["Source-IP"], mail.get_payload()[2].get_payload()[0]["Subject"]]`;
  assert.deepEqual(readByPython(mail, program), {
    types: [
      "multipart/report",
      "text/plain",
      "message/feedback-report",
      "text/plain",
      "message/rfc822",
      "text/plain",
    ],
    defects: [],
    found: ["m%20x@evil.test", kid, "192.0.2.1", "Win"],
  });
});
