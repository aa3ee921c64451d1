// V20, recording: Authentication-Results of a verdict.
import type { Case } from "../vector.ts";

const KID = "FIH_rUKoiX6PoyILK0Uagg";
const NOTHING = { identity: null, kid: null, align: null, rcpt: null, trust: null };
const ALLICE = { ...NOTHING, identity: "allice@someisp.tld", kid: KID };

/** @param field the results behind "Authentication-Results: mx.dest.tld; " */
function field(
  name: string,
  about: string,
  verdict: Readonly<Record<string, string | null>>,
  results: string,
): Case {
  const expected = { field: `Authentication-Results: mx.dest.tld; ${results}` };
  const input = { authservId: "mx.dest.tld", verdict };
  return { name, kind: "result-field", requirements: ["REC-1"], about, input, expected };
}

export const resultFields: readonly Case[] = [
  field(
    "record-pass",
    "The example of REC-1.",
    { ...ALLICE, result: "pass", reason: null, align: "from", rcpt: "match", trust: "host" },
    `vsmtp=pass header.i=allice@someisp.tld header.k=${KID} policy.align=from policy.rcpt=match policy.trust=host`,
  ),
  field(
    "record-none",
    "Unsigned mail has nothing else to say, its reason included.",
    { ...NOTHING, result: "none", reason: "unsigned" },
    "vsmtp=none",
  ),
  field(
    "record-fail",
    "On failure the reason is given; what is not known is left out.",
    { ...ALLICE, result: "fail", reason: "revoked" },
    `vsmtp=fail reason="revoked" header.i=allice@someisp.tld header.k=${KID}`,
  ),
  field(
    "record-neutral",
    "The reason of another result, too.",
    {
      ...ALLICE,
      result: "neutral",
      reason: "sender-only",
      align: "sender",
      rcpt: "unbound",
      trust: "domain",
    },
    `vsmtp=neutral reason="sender-only" header.i=allice@someisp.tld header.k=${KID} policy.align=sender policy.rcpt=unbound policy.trust=domain`,
  ),
  field(
    "record-syntax",
    "No field could be read.",
    { ...NOTHING, result: "permerror", reason: "syntax" },
    'vsmtp=permerror reason="syntax"',
  ),
  field(
    "record-encoded-identity",
    "Percent-encoded as in i, which is no token but stands in an address as it is.",
    { ...ALLICE, identity: "%C3%A4%20b@someisp.tld", result: "temperror", reason: "unavailable" },
    `vsmtp=temperror reason="unavailable" header.i=%C3%A4%20b@someisp.tld header.k=${KID}`,
  ),
];
