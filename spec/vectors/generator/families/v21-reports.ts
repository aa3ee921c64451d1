// V21, reports: what a report holds, the mail that brings it, where it goes.
import { base64 } from "../reference/canonical.ts";
import { base64Body, gzipStored } from "../reference/gzip.ts";
import type { Case } from "../vector.ts";

const ROW =
  '{"result":"pass","reason":null,"align":"from","rcpt":"match","trust":"domain","k":"FIH_rUKoiX6PoyILK0Uagg","ip":"192.0.2.1","count":3,"action":"deliver","override":null}';
const REPORT = `{"v":1,"reporter":"dest.tld","domain":"someisp.tld","begin":1073260800,"end":1073347200,"policy":"reject","rows":[${ROW}]}`;

function report(name: string, about: string, json: string, usable: boolean): Case {
  return {
    name,
    kind: "report",
    requirements: ["REP-1", "REP-7"],
    about,
    input: { json },
    expected: { usable },
  };
}

function changed(name: string, about: string, from: string, to: string, usable = false): Case {
  if (!REPORT.includes(from)) throw new Error(`${name}: there is no ${from}`);
  return report(name, about, REPORT.replace(from, to), usable);
}

const reports: readonly Case[] = [
  report("report", "Every member.", REPORT, true),
  changed("report-no-rows", "A day without mail.", ROW, "", true),
  changed(
    "report-unsigned-mail",
    "What does not apply is null.",
    ROW,
    ROW.replace("pass", "none").replaceAll(/"(from|match|domain|FIH_rUKoiX6PoyILK0Uagg)"/g, "null"),
    true,
  ),
  changed(
    "report-merged-rows",
    "Rows that were merged name neither key nor client.",
    '"k":"FIH_rUKoiX6PoyILK0Uagg","ip":"192.0.2.1"',
    '"k":null,"ip":null',
    true,
  ),
  changed("report-ipv6", "Either kind of address.", "192.0.2.1", "2001:db8::1", true),
  changed("report-unknown-members", "Later versions may add members.", '{"v":1', '{"more":[1],"v":1', true),
  changed(
    "report-unknown-words",
    "Reasons and the like may grow in number.",
    '"reason":null',
    '"reason":"new-reason"',
    true,
  ),
  changed("report-version", "Another version is another format.", '"v":1', '"v":2'),
  changed("report-version-text", "v is a number.", '"v":1', '"v":"1"'),
  changed("report-reporter-letters", "Domains are canonical.", "dest.tld", "Dest.tld"),
  changed(
    "report-reporter-no-domain",
    "The reporter is a domain, not a name.",
    "dest.tld",
    "Dest Internet, Inc.",
  ),
  changed("report-domain-missing", "Members of the report are all there.", '"domain":"someisp.tld",', ""),
  changed("report-times-text", "Times are numbers.", "1073260800", '"1073260800"'),
  changed("report-times-reversed", "begin is before end.", "1073347200", "1073260800"),
  changed("report-policy-unknown", "policy is a value of p.", '"reject","rows"', '"drop","rows"'),
  changed("report-rows-object", "rows is a list.", `[${ROW}]`, "{}"),
  changed("report-words-upper-case", "Words are in lower case.", '"pass"', '"PASS"'),
  changed("report-words-control", "Nothing in a report can deceive a terminal.", '"deliver"', '"\\u001b[2J"'),
  changed(
    "report-key-short",
    "A key id has 22 characters.",
    "FIH_rUKoiX6PoyILK0Uagg",
    "FIH_rUKoiX6PoyILK0Uag",
  ),
  changed("report-ip-name", "ip is an address.", "192.0.2.1", "mail.dest.tld"),
  changed("report-count-zero", "A row counts at least one message.", '"count":3', '"count":0'),
  changed("report-count-fraction", "count is a whole number.", '"count":3', '"count":0.5'),
  changed("report-action-missing", "A row says what was done.", ',"action":"deliver"', ""),
  report("report-no-json", "What is not JSON is no report.", REPORT.slice(0, -1), false),
];

const ATTACHED = `Content-Type: application/vsmtp-report+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Body(gzipStored(REPORT))}`;
const TEXT = "Content-Type: text/plain\r\n\r\nA report.\r\n";
const multipart = (...parts: readonly string[]): string =>
  `From: mailer-daemon@dest.tld\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n${parts.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\n`;

/** @param json of the report; null: it brings none that counts */
function mail(name: string, about: string, message: string, json: string | null): Case {
  const input = { message: base64(message) };
  return { name, kind: "report-mail", requirements: ["REP-1"], about, input, expected: { json } };
}

const mails: readonly Case[] = [
  mail(
    "mail-with-text",
    "The report is the attachment; words for people may stand beside it.",
    multipart(TEXT, ATTACHED),
    REPORT,
  ),
  mail("mail-attachment-alone", "Or the only part.", multipart(ATTACHED), REPORT),
  mail("mail-body", "Or the body.", `From: mailer-daemon@dest.tld\r\n${ATTACHED}`, REPORT),
  mail(
    "mail-type-letters",
    "Types have no case.",
    multipart(ATTACHED.replace("vsmtp-report+gzip", 'VSMTP-Report+GZIP; name="r.json.gz"')),
    REPORT,
  ),
  mail(
    "mail-two-reports",
    "One attachment: who sends two means neither.",
    multipart(ATTACHED, ATTACHED),
    null,
  ),
  mail(
    "mail-other-type",
    "Other gzip is no report.",
    multipart(ATTACHED.replace("vsmtp-report+gzip", "gzip")),
    null,
  ),
  mail("mail-text-alone", "A mail without a report.", multipart(TEXT), null),
  mail(
    "mail-no-base64",
    "What is not base64 is no report.",
    multipart(ATTACHED.replace("\r\n\r\n", "\r\n\r\n*")),
    null,
  ),
];

/** @param destinations each place, and where it has to say that it takes the domain's reports (null: nowhere) */
function places(
  name: string,
  about: string,
  rua: string,
  destinations: readonly (readonly [to: string, permission: string | null])[],
): Case {
  return {
    name,
    kind: "report-destinations",
    requirements: ["POL-21", "REP-3"],
    about,
    input: { domain: "someisp.tld", rua },
    expected: { destinations: destinations.map(([to, permission]) => ({ to, permission })) },
  };
}

const OTHER = "someisp.tld._report._vsmtp.other.tld";

const destinations: readonly Case[] = [
  places("rua-mailto", "An address of the domain.", "mailto:r@someisp.tld", [["r@someisp.tld", null]]),
  places("rua-mailto-below", "A host below the domain is not outside it.", "mailto:r@mail.someisp.tld", [
    ["r@mail.someisp.tld", null],
  ]),
  places("rua-mailto-outside", "A host outside has to say that it takes them.", "mailto:r@other.tld", [
    ["r@other.tld", OTHER],
  ]),
  places("rua-mailto-similar", "A name that ends alike is outside.", "mailto:r@notsomeisp.tld", [
    ["r@notsomeisp.tld", "someisp.tld._report._vsmtp.notsomeisp.tld"],
  ]),
  places("rua-https", "An https URL.", "https://someisp.tld/in?d=1", [["https://someisp.tld/in?d=1", null]]),
  places("rua-https-outside", "Outside as well.", "https://other.tld/in", [["https://other.tld/in", OTHER]]),
  places("rua-two", "Commas stand between several.", "mailto:r@someisp.tld, https://other.tld/in", [
    ["r@someisp.tld", null],
    ["https://other.tld/in", OTHER],
  ]),
  places(
    "rua-three",
    "The first two count.",
    "mailto:a@someisp.tld,mailto:b@someisp.tld,mailto:c@someisp.tld",
    [
      ["a@someisp.tld", null],
      ["b@someisp.tld", null],
    ],
  ),
  places(
    "rua-unusable-first",
    "Those that can be used.",
    "ftp://someisp.tld/,mailto:a@someisp.tld,mailto:b@someisp.tld",
    [
      ["a@someisp.tld", null],
      ["b@someisp.tld", null],
    ],
  ),
  places("rua-encoded", "mailto is percent-encoded (RFC 6068).", "mailto:r%2Bd@someisp.tld", [
    ["r+d@someisp.tld", null],
  ]),
  places(
    "rua-mailto-fields",
    "Nobody writes fields into others' mail.",
    "mailto:r@someisp.tld?bcc=x@other.tld",
    [],
  ),
  places("rua-http", "Reports do not travel in the clear.", "http://someisp.tld/in", []),
  places("rua-https-port", "Port 443 only (decision 0113).", "https://someisp.tld:8443/in", []),
  places("rua-https-address", "Names only: an address proves nothing.", "https://192.0.2.1/in", []),
  places("rua-nothing", "None.", "", []),
];

export const reportCases: readonly Case[] = [...reports, ...mails, ...destinations];
