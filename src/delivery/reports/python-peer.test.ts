import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { everythingGoes } from "../sender-standing.ts";
import { Reporter } from "./reporter.ts";
import { ARRIVED, anyCase } from "./test-message.ts";

const program = join(import.meta.dirname, "../../../test/support/read-reports.py");
const missing = spawnSync("python3", ["--version"]).status === 0 ? false : "peer: python3 is not installed";
const golden = join(import.meta.dirname, "test-golden");

test("Python's email package reads every kind of report", { skip: missing }, async () => {
  const names = readdirSync(golden).sort();
  const read = readByPython(names.map((name) => readFileSync(join(golden, name))));
  for (const [index, name] of names.entries()) {
    const { words, ...report } = read[index] ?? assert.fail();
    assertReport(report, name === "utf-8.eml" ? "global-delivery-status" : "delivery-status");
    assert.match(words, /^Your message [\s\S]*This is the mail system at mail\.here\.test\./, name);
  }
});

test("and those that quote anything at all", { skip: missing }, async () => {
  const reports: Buffer[] = [];
  const reporter = new Reporter({
    hostname: "mail.here.test",
    warnAfterMs: 0,
    standing: everythingGoes,
    now: () => ARRIVED + 3_600_000,
    newId: () => "id1",
    signer: {
      isRole: () => false,
      sign: async ({ compose }) => {
        reports.push(compose("mailer-daemon@here.test"));
        return { kind: "ready", messages: [], signedBy: null };
      },
    },
  });
  for (const { message, results, content } of fc.sample(anyCase, 100)) {
    await reporter.conclude({ ...message, smtputf8: false, returned: null }, results, content);
  }
  assert.ok(reports.length > 30);
  for (const report of readByPython(reports)) assertReport(report, "delivery-status");
});

interface ReadReport {
  readonly type: string;
  readonly report_type: string;
  readonly parts: readonly string[];
  readonly defects: readonly string[];
  readonly words: string;
  /** Null where Python does not know the type. */
  readonly recipients: readonly Readonly<Record<string, string>>[] | null;
}

function readByPython(reports: readonly Buffer[]): ReadReport[] {
  const input = reports.map((report) => `${report.toString("base64")}\n`).join("");
  const { status, stdout, stderr } = spawnSync("python3", [program], {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  const read = stdout.trimEnd().split("\n");
  assert.equal(read.length, reports.length);
  return read.map((line) => JSON.parse(line));
}

function assertReport(read: Omit<ReadReport, "words">, reportType: string): void {
  const { type, report_type, parts, defects, recipients } = read;
  assert.deepEqual([type, report_type, defects], ["multipart/report", reportType, []]);
  assert.deepEqual([parts[0], parts[1]], ["text/plain", `message/${reportType}`]);
  assert.equal(recipients === null, reportType !== "delivery-status");
  assert.notEqual(recipients?.length, 0);
  for (const recipient of recipients ?? []) {
    assert.match(recipient["final-recipient"] ?? "", /^(?:rfc822|utf-8); ./);
    assert.match(recipient.action ?? "", /^(?:failed|delayed|relayed|delivered)$/);
    assert.match(recipient.status ?? "", /^[245]\.\d+\.\d+$/);
  }
}
