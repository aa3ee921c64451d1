import {
  aggregateMail,
  attachedReport,
  complaintAbout,
  packAggregateReport,
  readAggregateReport,
  reportDestinations,
  takeReport,
  unpackAggregateReport,
} from "../../src/reports/index.ts";
import { kid, report } from "../../src/reports/test-reports.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

// What strangers send as reports, or write where reports are to go: whatever it is, it is an answer, and shows nothing
// that a terminal would obey.

const OBEYED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const results = `Authentication-Results: mx.someisp.test;\r\n vsmtp=pass header.i=a@dest.test header.k=${kid}\r\nReceived: from a.test ([192.0.2.1])\r\n`;
const options = { from: "a@dest.test", to: "r@someisp.test", hostname: "dest.test", now: 0, id: "1" };
const mail = Buffer.concat([
  Buffer.from(results),
  aggregateMail(report(), packAggregateReport(report()), options),
]);
const json = Buffer.from(JSON.stringify({ v: 1, ...report() }));
const rua = Buffer.from("mailto:reports@someisp.test,https://reports.test/in?d=1");
const intake = { hostedDomains: ["someisp.test"], now: report().end * 1000 };

export const target: FuzzTarget = {
  measure: "inputs",
  few: 1000,
  async run(random: Random) {
    const octets = random.mutate(mail);
    const taken = await takeReport(octets, intake);
    shown(taken.ok ? taken.report : taken.problem);
    const attached = attachedReport(octets);
    if (attached.ok) shown(await unpackAggregateReport(random.mutate(attached.packed)));
    const complaint = complaintAbout(octets, "mx.someisp.test");
    if (complaint.ok) {
      const { original: _, ...told } = complaint.report;
      shown({ ...told, authenticationResults: "" });
    } else shown(complaint.problem);
    shown(readAggregateReport(random.mutate(json).toString("latin1")));
    for (const one of reportDestinations(random.mutate(rua).toString("latin1"))) {
      shown(one.kind === "mail" ? one.address : one.url.href);
    }
    return 1;
  },
};

function shown(told: unknown): void {
  const texts: string[] = [];
  JSON.stringify(told, (_, value) => {
    if (typeof value === "string") texts.push(value);
    return value;
  });
  const bad = texts.find((text) => OBEYED.test(text));
  if (bad !== undefined) throw new Error(`it would be shown: ${JSON.stringify(bad)}`);
}
