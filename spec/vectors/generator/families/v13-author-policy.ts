// V13, policy: whose policy decides about a message.
import { base64 } from "../reference/canonical.ts";
import { signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { mail, NOW } from "../verify-case.ts";

const QUARANTINE = "v=VSMTP1; p=quarantine";
const REJECT = "v=VSMTP1; p=reject";

/** @param dns records by domain, without the "_vsmtp." in front */
function author(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  dns: Readonly<Record<string, string>>,
  expected: Readonly<Record<string, unknown>>,
): Case {
  const names = Object.entries(dns).map(([domain, txt]) => [
    `_vsmtp.${domain}`,
    txt === "failure" ? txt : [txt],
  ]);
  const input = {
    message: base64(message),
    now: NOW,
    recipients: ["bob@dest.tld"],
    statements: [statement()],
    dns: Object.fromEntries(names),
  };
  return { name, kind: "author-policy", requirements, about, input, expected };
}

const unsigned = (from: string): string => mail({ From: from });
const of = (policy: string, result = "none", reason = "unsigned") => ({ result, reason, policy });
const damaged = signed(mail()).replace("Noon", "Nine");
const forAnother = signed(mail({ From: "Boss <boss@bank.tld>", Sender: "allice@someisp.tld" }));

export const authorPolicies: readonly Case[] = [
  author(
    "author-unsigned",
    ["POL-13", "POL-17"],
    "p of the From domain.",
    unsigned("x@bank.tld"),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-no-record",
    ["POL-3"],
    "Without a record nothing is wanted.",
    unsigned("x@bank.tld"),
    {},
    of("none"),
  ),
  author(
    "author-unsigned-subdomain",
    ["POL-4", "POL-13"],
    "sp above.",
    unsigned("x@mail.bank.tld"),
    { "bank.tld": "v=VSMTP1; p=reject; sp=quarantine" },
    of("quarantine"),
  ),
  author(
    "author-unsigned-idn",
    ["POL-13", "ADR-1"],
    "The record stands at the A-labels.",
    unsigned("x@b\u00fccher.tld"),
    { "xn--bcher-kva.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-testing",
    ["POL-5"],
    "t=y: report, do not apply.",
    unsigned("x@bank.tld"),
    { "bank.tld": `${REJECT}; t=y` },
    of("none"),
  ),
  author(
    "author-unsigned-lookup-failed",
    ["POL-16"],
    "Unsigned mail has no policy then.",
    unsigned("x@bank.tld"),
    { "bank.tld": "failure" },
    of("none"),
  ),
  author(
    "author-unsigned-unreadable",
    ["POL-22"],
    "A From that does not parse does not hide whom it names.",
    unsigned("Bank, Inc. <x@bank.tld> (today"),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-encoded",
    ["POL-22"],
    "Nor does an address in an encoded word, where there is no other.",
    unsigned("=?utf-8?q?Bank_=3Cx=40bank.tld=3E?="),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-ineligible",
    ["POL-22", "ADR-9"],
    "Nor a local part that is too long for an identity.",
    unsigned(`${"x".repeat(65)}@bank.tld`),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-no-domain",
    ["POL-22", "ADR-11"],
    "What is no eligible domain counts as the one above it.",
    unsigned("x@no_host.bank.tld"),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-sender-only",
    ["POL-22"],
    "Where there is no From, readers are shown the Sender.",
    unsigned("x@bank.tld").replace("From:", "Sender:"),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "author-unsigned-encoded-local-part",
    ["POL-22"],
    "Some readers decode it, and show that address.",
    unsigned("=?utf-8?q?x=40bank.tld=3E?=@evil.tld"),
    { "bank.tld": REJECT },
    of("reject"),
  ),
  author(
    "authors-strictest-first",
    ["POL-13"],
    "Of several From domains the strictest wins.",
    unsigned("x@bank.tld, y@shop.tld"),
    { "bank.tld": REJECT, "shop.tld": QUARANTINE },
    of("reject"),
  ),
  author(
    "authors-strictest-last",
    ["POL-13"],
    "Wherever it stands.",
    unsigned("x@shop.tld, y@none.tld, z@bank.tld"),
    { "bank.tld": REJECT, "shop.tld": QUARANTINE },
    of("reject"),
  ),
  author(
    "authors-quarantine",
    ["POL-13"],
    "quarantine is stricter than none.",
    unsigned("x@none.tld, y@shop.tld"),
    { "none.tld": "v=VSMTP1", "shop.tld": QUARANTINE },
    of("quarantine"),
  ),
  author(
    "authors-strictest-is-testing",
    ["POL-5", "POL-13"],
    "A policy in test does not apply; the other does.",
    unsigned("x@bank.tld, y@shop.tld"),
    { "bank.tld": `${REJECT}; t=y`, "shop.tld": QUARANTINE },
    of("quarantine"),
  ),
  author(
    "author-damaged",
    ["POL-13", "ACT-4"],
    "Damage is handled as the From domain wants unsigned mail handled.",
    damaged,
    { "someisp.tld": QUARANTINE },
    of("quarantine", "fail", "body"),
  ),
  author(
    "author-damaged-lookup-failed",
    ["POL-16"],
    "Signed mail is temperror when the policy cannot be had.",
    damaged,
    { "someisp.tld": "failure" },
    { result: "temperror", reason: "unavailable" },
  ),
  author(
    "author-neutral",
    ["IDY-16", "POL-13"],
    "neutral is handled, for the From domain's policy, as unsigned: the signer's domain does not count.",
    forAnother,
    { "bank.tld": REJECT, "someisp.tld": "v=VSMTP1" },
    of("reject", "neutral", "sender-only"),
  ),
  author(
    "author-neutral-signers-policy",
    ["IDY-16", "POL-13"],
    "Nor is the signer's domain's policy applied to a stranger's From.",
    forAnother,
    { "someisp.tld": REJECT },
    of("none", "neutral", "sender-only"),
  ),
  author(
    "author-pass",
    ["ACT-4"],
    "A pass needs no policy.",
    signed(mail()),
    { "someisp.tld": REJECT },
    { result: "pass", reason: null },
  ),
];
