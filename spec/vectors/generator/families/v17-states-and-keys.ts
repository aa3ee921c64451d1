// V17, key statements: states, identity, key, grants, syntax.
import { base64, utf8 } from "../reference/canonical.ts";
import { grantHash } from "../reference/hashes.ts";
import { ALLICE, keyOf } from "../reference/keys.ts";
import { RSA_1024, RSA_2048 } from "../reference/rsa-keys.ts";
import { T } from "../reference/signature-field.ts";
import { NOT_BEFORE, statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { BAD_KEY, judged, REVOKED, tags, USABLE } from "./v17-statement-case.ts";

const OTHER = keyOf(ALLICE.identity, 2);
const grants = Array.from({ length: 33 }, (_, one) => grantHash(ALLICE.kid, `u${one}@someisp.tld`));
const plain = statement();
const gone = { st: "revoked", p: null };
const JOERG = keyOf("j%C3%B6rg@someisp.tld");

export const statesAndKeys: readonly Case[] = [
  tags("active", ["STA-1", "STA-9"], "A statement as key servers give it.", {}, USABLE),
  tags("retired", ["STA-2", "STA-9"], "A retired key verifies.", { st: "retired" }, USABLE),
  tags("revoked", ["STA-2", "STA-14"], "A revoked key does not; p is omitted.", gone, REVOKED),
  tags(
    "suspended",
    ["STA-2", "STA-14"],
    "Nor does a suspended one.",
    { st: "suspended", p: null },
    { outcome: "fail", reason: "suspended" },
  ),
  tags(
    "state-unknown",
    ["STA-9", "STA-19"],
    "A state that nobody knows is neither active nor retired.",
    { st: "paused" },
    BAD_KEY,
  ),
  tags(
    "revoked-although-expired",
    ["STA-14"],
    "The state comes before validity and freshness.",
    { ...gone, na: `${T - 1}`, iat: "0" },
    REVOKED,
  ),
  tags(
    "revoked-about-another-key",
    ["STA-14"],
    "The state comes before i and k, too.",
    { ...gone, k: OTHER.kid },
    REVOKED,
  ),
  tags(
    "active-without-public-key",
    ["STA-2", "STA-15"],
    "p is omitted for revoked and suspended keys only.",
    { p: null },
    BAD_KEY,
  ),
  tags("other-identity", ["STA-6", "STA-15"], "i is not as asked.", { i: "boss@someisp.tld" }, BAD_KEY),
  tags(
    "identity-in-upper-case",
    ["STA-6", "STA-15"],
    "i is as asked, in canonical form.",
    { i: "Allice@someisp.tld" },
    BAD_KEY,
  ),
  tags(
    "identity-percent-encoded",
    ["STA-6", "ADR-2"],
    "i is percent-encoded as in the signature field.",
    {},
    USABLE,
    { key: JOERG },
  ),
  tags(
    "identity-not-encoded",
    ["STA-6", "STA-15"],
    "Unencoded it is not as asked.",
    { i: utf8("j\u00f6rg@someisp.tld") },
    BAD_KEY,
    { key: JOERG },
  ),
  tags(
    "other-key-id",
    ["STA-6", "STA-15"],
    "k is not as asked.",
    { k: OTHER.kid, p: base64(OTHER.spki) },
    BAD_KEY,
  ),
  tags(
    "key-id-does-not-recompute",
    ["STA-7", "STA-15"],
    "k is as asked, but p is another key.",
    { p: base64(OTHER.spki) },
    BAD_KEY,
  ),
  tags(
    "algorithm-not-that-of-the-signature",
    ["STA-8", "STA-15"],
    "a does not fit the signature.",
    { a: "rsa-sha256" },
    BAD_KEY,
  ),
  tags("algorithm-unknown", ["STA-8", "STA-15"], "Nor does one that nobody knows.", { a: "future" }, BAD_KEY),
  tags("rsa", ["STA-8"], "An RSA key.", {}, USABLE, { key: RSA_2048 }),
  tags("rsa-too-short", ["STA-15", "SIG-34"], "An RSA key of 1024 bits.", {}, BAD_KEY, { key: RSA_1024 }),
  tags(
    "public-key-not-base64",
    ["SIG-22", "STA-15"],
    "p is strict base64.",
    { p: base64(ALLICE.spki).replace("=", "") },
    BAD_KEY,
  ),
  tags(
    "public-key-unused-bits",
    ["SIG-22", "STA-15"],
    "Unused bits are zero.",
    { p: base64(ALLICE.spki).replace("Ro=", "Rp=") },
    BAD_KEY,
  ),
  tags("public-key-empty", ["STA-15"], "An empty p is none.", { p: "" }, BAD_KEY),
  tags(
    "grants",
    ["IDY-13"],
    "og is handed on as it stands.",
    { og: grants.slice(0, 2).join(":") },
    { ...USABLE, grants: grants.slice(0, 2) },
  ),
  tags(
    "grants-32",
    ["IDY-13"],
    "At most 32 values.",
    { og: grants.slice(0, 32).join(":") },
    { ...USABLE, grants: grants.slice(0, 32) },
  ),
  tags("grants-33", ["STA-17"], "More than 32 values is bad-key.", { og: grants.join(":") }, BAD_KEY),
  tags("grants-everything", ["IDY-14"], "An asterisk.", { og: "*" }, { ...USABLE, grants: ["*"] }),
  tags("no-grants", ["IDY-13"], "og is optional.", {}, { ...USABLE, grants: [] }),
  tags("unknown-tag", ["STA-1"], "Unknown tags are ignored.", { zz: "1" }, USABLE),
  judged(
    "tags-in-another-order",
    ["STA-1"],
    "Order is free.",
    plain.split("; ").toReversed().join("; "),
    USABLE,
  ),
  judged(
    "tags-without-spaces",
    ["STA-4"],
    "Spaces behind the semicolons are optional.",
    plain.replaceAll("; ", ";"),
    USABLE,
  ),
  judged(
    "tags-with-many-spaces",
    ["STA-4"],
    "There may be several, on both sides.",
    plain.replaceAll("; ", "  ;   "),
    USABLE,
  ),
  judged("duplicate-tag", ["STA-17"], "A duplicate tag is bad-key.", `${plain}; ttl=600`, BAD_KEY),
  judged(
    "duplicate-unknown-tag",
    ["STA-17"],
    "Also of a tag that is ignored otherwise.",
    `${plain}; zz=1; zz=1`,
    BAD_KEY,
  ),
  ...["v", "i", "k", "a", "st", "nb", "na", "iat", "ttl"].map((name) =>
    tags(
      `missing-${name}`,
      ["STA-1", "STA-19"],
      `${name} is required (decision 0012).`,
      { [name]: null },
      BAD_KEY,
    ),
  ),
  tags(
    "version-2",
    ["STA-1", "STA-19"],
    "A statement of another version is of no use here (decision 0012).",
    { v: "2" },
    BAD_KEY,
  ),
  tags(
    "time-with-leading-zero",
    ["SIG-21", "STA-19"],
    "Numbers have no leading zeros.",
    { nb: `0${NOT_BEFORE}` },
    BAD_KEY,
  ),
  tags(
    "time-of-13-digits",
    ["SIG-21", "STA-19"],
    "Numbers have at most 12 digits.",
    { na: "1000000000000" },
    BAD_KEY,
  ),
];
