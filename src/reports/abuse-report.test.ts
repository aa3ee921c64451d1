import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { abuseMail, complaintAbout } from "./index.ts";
import { kid } from "./test-reports.ts";

const original =
  "VSMTP-Signature: v=1; x\r\nFrom: Mallory <mallory@evil.test>\r\nSubject: Win\r\n\r\nBuy n\u00f6w!\r\n";
const results = (changes: { result?: string; host?: string } = {}): string =>
  `Authentication-Results: ${changes.host ?? "mx.dest.test"};\r\n vsmtp=${changes.result ?? "pass"} header.i=mallory@evil.test header.k=${kid};\r\n spf=none\r\n`;
const received =
  "Received: from relay.evil.test ([IPv6:2001:db8::7])\r\n by mx.dest.test with ESMTPS\r\n id 1M85\r\n for <bob@dest.test>;\r\n Wed, 25 Nov 2026 10:00:00 +0000\r\n";
const local = "Return-Path: <mallory@evil.test>\r\nDelivered-To: bob@dest.test\r\n";
const about = (text: string, hostname = "mx.dest.test") => complaintAbout(Buffer.from(text), hostname);

test("REP-4: spam by a verified identity as ARF, with its identity and key", () => {
  const complaint = about(local + results() + received + original);
  assert.ok(complaint.ok, complaint.ok ? "" : complaint.problem);
  assert.equal(complaint.report.domain, "evil.test");
  const mail = abuseMail(complaint.report, {
    from: "mailer-daemon@dest.test",
    to: "abuse@evil.test",
    hostname: "mx.dest.test",
    userAgent: "VSMTP/1",
    now: Date.UTC(2026, 10, 26),
    id: "1234",
  }).toString();
  assert.match(mail, /^From: Abuse reports <mailer-daemon@dest\.test>\r\nTo: <abuse@evil\.test>\r\n/);
  assert.match(
    mail,
    /Content-Type: multipart\/report; report-type=feedback-report;\r\n boundary="=_1234"\r\n/,
  );
  const fields = [
    "Feedback-Type: abuse",
    "User-Agent: VSMTP/1",
    "Version: 1",
    "Reporting-MTA: dns; mx.dest.test",
    "Source-IP: 2001:db8::7",
    "Arrival-Date: Wed, 25 Nov 2026 10:00:00 +0000",
    "Reported-Domain: evil.test",
    `Authentication-Results: mx.dest.test;\r\n vsmtp=pass header.i=mallory@evil.test header.k=${kid};\r\n spf=none`,
    "VSMTP-Identity: mallory@evil.test",
    `VSMTP-Key-Id: ${kid}`,
  ].join("\r\n");
  assert.ok(
    mail.includes(`\r\nContent-Type: message/feedback-report\r\n\r\n${fields}\r\n\r\n--=_1234`),
    mail,
  );
  // The message as it came, without what was written above it here: that names our user.
  assert.ok(
    mail.includes(
      `\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${original}\r\n--=_1234--\r\n`,
    ),
  );
  assert.ok(!mail.includes("bob@dest.test"));
});

test("REP-4: only what our border saw pass is complained of", () => {
  const problem = (text: string): string => {
    const complaint = about(text);
    return complaint.ok ? "none" : complaint.problem;
  };
  assert.match(problem(original), /recorded no VSMTP result/);
  assert.match(problem(results({ host: "mx.evil.test" }) + received + original), /recorded no VSMTP result/);
  assert.match(problem(results({ result: "fail" }) + results() + received + original), /result is fail/);
  assert.match(problem(results({ result: "neutral" }) + received + original), /result is neutral/);
  assert.match(problem(results().replace("header.k", "header.x") + original), /no identity and key/);
  assert.match(
    problem(results().replace("mallory@evil.test", "Mallory@evil.test") + original),
    /no identity/,
  );
  // Another's field above ours is no word of ours.
  const below = about(results({ host: "mx.evil.test" }) + results() + received + original);
  assert.ok(below.ok);
});

test("a client's address is read as it was written; large messages are complained of by their header", () => {
  const clients: [from: string, address: string | null][] = [
    ["a.test ([192.0.2.1])", "192.0.2.1"],
    ["[192.0.2.9] ([192.0.2.1])", "192.0.2.1"],
    ["[192.0.2.1]", "192.0.2.1"],
    ["[192.0.2.1] (HELO [192.0.2.9])", "192.0.2.1"],
    ["a.test", null],
    ["a.test ([999.0.2.1])", null],
  ];
  for (const [from, address] of clients) {
    const complaint = about(results() + received.replace(/from .*/, `from ${from}`) + original);
    assert.equal(complaint.ok && complaint.report.sourceAddress, address, from);
  }
  const complaint = about(results() + received + original + "x\r\n".repeat(100_000));
  assert.ok(complaint.ok && !complaint.report.whole);
  assert.equal(complaint.report.original.at(-1), 10);
  fc.assert(fc.property(fc.string(), (text) => void about(results() + text)));
});
