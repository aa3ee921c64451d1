// V13, policy record.
import { base64 } from "../reference/canonical.ts";
import { ALLICE, keyOf, STATEMENT_KEY } from "../reference/keys.ts";
import { RSA_2048 } from "../reference/rsa-keys.ts";
import type { Case } from "../vector.ts";

const DEFAULT = { p: "none", sp: "none", testing: false, ks: "mx", auth: "host", dk: [], ep: 0 };
const dk = base64(STATEMENT_KEY.spki);
const dk2 = base64(ALLICE.spki);
const dk3 = base64(keyOf("dk").spki);

function record(
  name: string,
  requirements: readonly string[],
  about: string,
  txt: string | readonly string[],
  expected: Readonly<Record<string, unknown>> | "none" | "failure",
): Case {
  const records = typeof txt === "string" && txt !== "failure" ? [txt] : txt;
  const dns = records.length === 0 ? {} : { "_vsmtp.someisp.tld": records };
  return {
    name,
    kind: "policy-record",
    requirements,
    about,
    input: { domain: "someisp.tld", dns },
    expected: { record: typeof expected === "string" ? expected : { ...DEFAULT, ...expected } },
  };
}

/** What is unusable as a whole counts as no record. */
function unusable(name: string, about: string, txt: string): Case {
  return record(name, ["POL-1"], `${about} The record counts as none (decision 0031).`, txt, "none");
}

export const policyRecords: readonly Case[] = [
  record("version-alone", ["POL-1", "POL-3", "POL-6", "POL-7"], "Every tag has a default.", "v=VSMTP1", {}),
  record(
    "every-tag",
    ["POL-3", "POL-4", "POL-5", "POL-6", "POL-7", "POL-8", "POL-9"],
    "All tags that bear on verification.",
    `v=VSMTP1; p=reject; sp=quarantine; t=y; ks=srv; auth=domain; dk=${dk}; ep=1073304000`,
    { p: "reject", sp: "quarantine", testing: true, ks: "srv", auth: "domain", dk: [dk], ep: 1073304000 },
  ),
  record(
    "tags-without-spaces",
    ["POL-1"],
    "White space is optional; a final semicolon may stand.",
    "v=VSMTP1;p=reject;",
    { p: "reject", sp: "reject" },
  ),
  record(
    "white-space-everywhere",
    ["POL-1"],
    "White space around names and values is ignored.",
    " v = VSMTP1 ;\tp =\treject ; ",
    { p: "reject", sp: "reject" },
  ),
  record("policy-quarantine", ["POL-3"], "The middle one.", "v=VSMTP1; p=quarantine", {
    p: "quarantine",
    sp: "quarantine",
  }),
  record("subdomain-policy-defaults-to-p", ["POL-4"], "sp is p unless given.", "v=VSMTP1; p=reject", {
    p: "reject",
    sp: "reject",
  }),
  record(
    "subdomain-policy-before-p",
    ["POL-1", "POL-4"],
    "Only v has a fixed place.",
    "v=VSMTP1; sp=none; p=reject",
    { p: "reject", sp: "none" },
  ),
  record("key-server-sub", ["POL-6"], "ks=sub.", "v=VSMTP1; ks=sub", { ks: "sub" }),
  record("two-statement-keys", ["POL-8"], "At most two, joined by a colon.", `v=VSMTP1; dk=${dk}:${dk2}`, {
    dk: [dk, dk2],
  }),
  record("unknown-tag", ["POL-1"], "Unknown tags are ignored.", "v=VSMTP1; future=a b c; p=reject", {
    p: "reject",
    sp: "reject",
  }),
  record(
    "other-tags",
    ["POL-1"],
    "Tags that do not bear on verification do not disturb.",
    "v=VSMTP1; ma=604800; sl=300; rua=mailto:r@someisp.tld; lv=AAAA; p=reject",
    { p: "reject", sp: "reject" },
  ),
  record("no-record", ["POL-1"], "Nothing stands there.", [], "none"),
  record(
    "unrelated-record-alone",
    ["POL-1"],
    "A TXT record of something else is none.",
    "v=spf1 -all",
    "none",
  ),
  record(
    "unrelated-record-beside",
    ["POL-1", "POL-12"],
    "It does not count beside one either.",
    ["v=spf1 -all", "v=VSMTP1; p=reject"],
    { p: "reject", sp: "reject" },
  ),
  record(
    "two-records",
    ["POL-12"],
    "Several records count as none.",
    ["v=VSMTP1; p=reject", "v=VSMTP1; p=none"],
    "none",
  ),
  record(
    "two-equal-records",
    ["POL-12"],
    "Also when they say the same.",
    ["v=VSMTP1; p=reject", "v=VSMTP1; p=reject"],
    "none",
  ),
  record("version-not-first", ["POL-1"], "v=VSMTP1 is first.", "p=reject; v=VSMTP1", "none"),
  record(
    "version-in-lower-case",
    ["POL-1"],
    "The version is compared as it stands.",
    "v=vsmtp1; p=reject",
    "none",
  ),
  record(
    "other-version",
    ["POL-1"],
    "Another version is no record of this one.",
    "v=VSMTP2; p=reject",
    "none",
  ),
  record(
    "other-version-beside",
    ["POL-1", "POL-12"],
    "Nor does it make several.",
    ["v=VSMTP2; p=none", "v=VSMTP1; p=reject"],
    { p: "reject", sp: "reject" },
  ),
  record("lookup-failed", ["POL-16"], "A failure is not the same as no record.", "failure", "failure"),
  unusable("policy-unknown", "p=deny is no value of p.", "v=VSMTP1; p=deny"),
  unusable("key-server-unknown", "ks=dns is no value of ks.", "v=VSMTP1; p=reject; ks=dns"),
  unusable("tag-twice", "A repeated tag is malformed.", "v=VSMTP1; p=reject; p=none"),
  unusable("tag-without-equals-sign", "A bare word is malformed.", "v=VSMTP1; reject"),
  unusable("three-statement-keys", "dk holds at most two.", `v=VSMTP1; p=reject; dk=${dk}:${dk2}:${dk3}`),
  unusable("statement-key-not-base64", "dk is strict base64.", `v=VSMTP1; p=reject; dk=${dk.slice(0, -1)}`),
  unusable("statement-key-rsa", "dk is Ed25519.", `v=VSMTP1; p=reject; dk=${base64(RSA_2048.spki)}`),
  unusable("epoch-with-leading-zero", "Numbers have no leading zeros.", "v=VSMTP1; p=reject; ep=01"),
];
