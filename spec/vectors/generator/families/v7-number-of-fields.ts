// V7, coverage: how many signature fields there may be.
import { ALLICE } from "../reference/keys.ts";
import { signed } from "../reference/signature-field.ts";
import type { Case } from "../vector.ts";
import { mail, PASS, PERMERROR, verifyCase } from "../verify-case.ts";

const good = signed(mail());

function altered(
  name: string,
  requirements: readonly string[],
  about: string,
  message: string,
  expected: Readonly<Record<string, unknown>>,
): Case {
  if (message === good) throw new Error(`${name}: nothing was altered`);
  return verifyCase({ name, requirements, about, message, expected });
}

const ignored = (count: number): string => "VSMTP-Signature: v=2; b=AAAA\r\n".repeat(count);
const withoutN = (count: number): string => "VSMTP-Signature: v=1; n=8; b=AAAA\r\n".repeat(count);

export const numberOfFields: readonly Case[] = [
  altered(
    "ten-fields",
    ["SIG-55", "SIG-7"],
    "Ten fields are allowed; ignored ones count.",
    ignored(9) + good,
    PASS,
  ),
  altered(
    "eleven-fields",
    ["SIG-55", "SIG-7"],
    "Eleven are too many, although ten of them are ignored.",
    ignored(10) + good,
    PERMERROR,
  ),
  altered(
    "ten-fields-without-level",
    ["SIG-27", "SIG-55"],
    "Fields whose level cannot be read have none and only count.",
    withoutN(9) + good,
    PASS,
  ),
  altered("eleven-fields-without-level", ["SIG-27", "SIG-55"], "They count.", withoutN(10) + good, PERMERROR),
  altered(
    "eleven-ignored-fields",
    ["SIG-55", "SIG-59"],
    "Eleven fields are too many even when all of them are ignored.",
    ignored(11) + mail(),
    PERMERROR,
  ),
  altered(
    "three-fields-at-level-0",
    ["SIG-56"],
    "At most two fields of one level.",
    signed(signed(good)),
    PERMERROR,
  ),
  altered(
    "three-fields-at-level-0-one-unusable",
    ["SIG-56", "SIG-29"],
    "A field that is unusable for its algorithm counts at its level.",
    signed(signed(good, { tags: { a: "future" } })),
    PERMERROR,
  ),
  altered(
    "three-fields-at-level-1",
    ["SIG-56", "SIG-29"],
    "The limit holds for the levels of forwarders as well, and for the whole message.",
    [1, 2, 3].reduce((message) => signed(message, { level: 1 }), good),
    PERMERROR,
  ),
  altered(
    "two-identities-at-level-0",
    ["SIG-53", "SIG-54"],
    "All fields of one level share i.",
    signed(good, { key: { ...ALLICE, identity: "bob@someisp.tld" } }),
    PERMERROR,
  ),
  altered(
    "two-identities-at-level-1",
    ["SIG-53", "SIG-54"],
    "Also at the levels of forwarders.",
    signed(signed(good, { level: 1 }), { level: 1, key: { ...ALLICE, identity: "bob@someisp.tld" } }),
    PERMERROR,
  ),
  altered(
    "level-1-alone",
    ["SIG-57"],
    "No level-0 field is permerror.",
    signed(mail(), { level: 1 }),
    PERMERROR,
  ),
  altered(
    "level-0-unusable-level-1-good",
    ["SIG-26", "SIG-57"],
    "A good field of a higher level is no substitute for level 0.",
    signed(signed(mail(), { tags: { a: "future" } }), { level: 1 }),
    PERMERROR,
  ),
];
