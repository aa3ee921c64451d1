// V13, tree walk.
import type { Case } from "../vector.ts";

/** @param dns records by domain, without the "_vsmtp." in front */
function policy(
  name: string,
  requirements: readonly string[],
  about: string,
  domain: string,
  dns: Readonly<Record<string, string | readonly string[]>>,
  expected: Readonly<Record<string, unknown>>,
): Case {
  const names = Object.entries(dns).map(([at, txt]) => [
    `_vsmtp.${at}`,
    typeof txt === "string" && txt !== "failure" ? [txt] : txt,
  ]);
  return {
    name,
    kind: "policy",
    requirements,
    about,
    input: { domain, dns: Object.fromEntries(names) },
    expected,
  };
}

const found = (p: string, at: string, testing = false) => ({ policy: p, testing, at });
const REJECT = "v=VSMTP1; p=reject";
const long = "a.b.c.d.e.f.g.someisp.tld";

export const policies: readonly Case[] = [
  policy(
    "walk-own-record",
    ["POL-3", "POL-4"],
    "The domain's own record gives p.",
    "someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=reject; sp=none" },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-own-record-of-subdomain",
    ["POL-4"],
    "Its own record outranks sp above, also when it asks for less.",
    "sub.someisp.tld",
    { "sub.someisp.tld": "v=VSMTP1", "someisp.tld": REJECT },
    found("none", "sub.someisp.tld"),
  ),
  policy(
    "walk-subdomain-policy",
    ["POL-4"],
    "A subdomain lacking a record has sp of the domain above.",
    "sub.someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=none; sp=reject" },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-subdomain-policy-defaults-to-p",
    ["POL-4"],
    "sp defaults to p.",
    "sub.someisp.tld",
    { "someisp.tld": REJECT },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-subdomain-policy-none",
    ["POL-4"],
    "sp may ask for less than p.",
    "sub.someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=reject; sp=none" },
    found("none", "someisp.tld"),
  ),
  policy(
    "walk-deep-subdomain",
    ["POL-4"],
    "Any number of labels below.",
    "a.b.c.someisp.tld",
    { "someisp.tld": REJECT },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-testing",
    ["POL-5"],
    "t=y: report, do not apply.",
    "someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=reject; t=y" },
    found("reject", "someisp.tld", true),
  ),
  policy(
    "walk-testing-above",
    ["POL-4", "POL-5"],
    "t comes with sp.",
    "sub.someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=reject; t=y" },
    found("reject", "someisp.tld", true),
  ),
  policy("walk-nothing", ["POL-3"], "No record anywhere.", "sub.someisp.tld", {}, { policy: "none" }),
  policy(
    "walk-sibling",
    ["POL-4"],
    "A record beside the path is not asked for.",
    "sub.someisp.tld",
    { "other.someisp.tld": REJECT },
    { policy: "none" },
  ),
  policy(
    "walk-below",
    ["POL-4"],
    "Neither is one below.",
    "someisp.tld",
    { "sub.someisp.tld": REJECT },
    { policy: "none" },
  ),
  policy(
    "walk-two-above",
    ["POL-4"],
    "Of several above, the one with the fewest labels is the organization's (RFC 9989 tree walk, decision 0030).",
    "a.b.someisp.tld",
    { "b.someisp.tld": "v=VSMTP1; p=none", "someisp.tld": REJECT },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-registry",
    ["POL-4"],
    "A record at a single label serves only when there is no other (decision 0030).",
    "sub.someisp.tld",
    { "someisp.tld": "v=VSMTP1; p=quarantine", tld: REJECT },
    found("quarantine", "someisp.tld"),
  ),
  policy(
    "walk-registry-alone",
    ["POL-4"],
    "There is no other.",
    "sub.someisp.tld",
    { tld: REJECT },
    found("reject", "tld"),
  ),
  policy(
    "walk-several-records-go-on",
    ["POL-4", "POL-12"],
    "Several records count as none: the walk goes on.",
    "sub.someisp.tld",
    { "sub.someisp.tld": ["v=VSMTP1; p=none", "v=VSMTP1; p=none"], "someisp.tld": REJECT },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-nine-labels",
    ["POL-4"],
    "A name of eight labels or more goes on with its last seven (RFC 9989).",
    long,
    { "someisp.tld": REJECT },
    found("reject", "someisp.tld"),
  ),
  policy(
    "walk-nine-labels-skips",
    ["POL-4"],
    "The eighth label from the right is not asked for.",
    long,
    { "b.c.d.e.f.g.someisp.tld": REJECT },
    { policy: "none" },
  ),
  policy(
    "walk-nine-labels-own",
    ["POL-4"],
    "The name itself is.",
    long,
    { [long]: REJECT },
    found("reject", long),
  ),
  policy(
    "walk-failure",
    ["POL-16"],
    "The lookup fails.",
    "someisp.tld",
    { "someisp.tld": "failure" },
    { policy: "failure" },
  ),
  policy(
    "walk-failure-above",
    ["POL-16"],
    "A lookup on the way fails: what stands there is not known.",
    "sub.someisp.tld",
    { "someisp.tld": "failure" },
    { policy: "failure" },
  ),
];
