// V10, alignment and grants.
import { utf8 } from "../reference/canonical.ts";
import { grantHash } from "../reference/hashes.ts";
import { ALLICE, keyOf } from "../reference/keys.ts";
import type { Case } from "../vector.ts";
import { fail, NEUTRAL, PASS } from "../verify-case.ts";
import { byAllice, of } from "./v10-author-case.ts";

const AGENT = { ...PASS, align: "agent" };
const grant = (address: string): string => grantHash(ALLICE.kid, utf8(address));
const boss = grant("boss@someisp.tld");
const neutral = { ...NEUTRAL, identity: ALLICE.identity, kid: ALLICE.kid };

export const alignment: readonly Case[] = [
  of("agent-without-grant", ["IDY-11"], "The same domain is not enough.", byAllice, neutral),
  of("agent-granted", ["IDY-10", "IDY-13"], "og holds the hash of the From address.", byAllice, AGENT, {
    og: [boss],
  }),
  of("agent-granted-among-others", ["IDY-13"], "It may be any of the values.", byAllice, AGENT, {
    og: [grant("x@someisp.tld"), grant("y@someisp.tld"), boss],
  }),
  of("agent-granted-as-last-of-32", ["IDY-13"], "og holds at most 32 values.", byAllice, AGENT, {
    og: [...Array.from({ length: 31 }, (_, one) => grant(`u${one}@someisp.tld`)), boss],
  }),
  of("agent-granted-among-33", ["IDY-13", "STA-17"], "33 values are bad-key.", byAllice, fail("bad-key"), {
    og: [...Array.from({ length: 32 }, (_, one) => grant(`u${one}@someisp.tld`)), boss],
  }),
  of("agent-granted-everything", ["IDY-14"], "An asterisk is any address of the domain.", byAllice, AGENT, {
    og: ["*"],
  }),
  of(
    "agent-granted-in-upper-case",
    ["IDY-13", "ADR-4"],
    "The grant is of the canonical address.",
    { ...byAllice, From: "BOSS@SomeISP.tld" },
    AGENT,
    { og: [boss] },
  ),
  of(
    "agent-granted-utf-8",
    ["IDY-13", "ADR-4"],
    "The hash is of the unencoded address.",
    { ...byAllice, From: "j\u00f6rg@someisp.tld" },
    AGENT,
    { og: [grant("j\u00f6rg@someisp.tld")] },
  ),
  of(
    "agent-granted-encoded-form",
    ["IDY-13", "ADR-4"],
    "The hash of the percent-encoded address is no grant.",
    { ...byAllice, From: "j\u00f6rg@someisp.tld" },
    neutral,
    { og: [grant("j%C3%B6rg@someisp.tld")] },
  ),
  of(
    "agent-granted-somebody-else",
    ["IDY-10", "IDY-11"],
    "A grant for another address does not help.",
    byAllice,
    neutral,
    { og: [grant("chief@someisp.tld")] },
  ),
  of(
    "agent-granted-to-another-key",
    ["IDY-13"],
    "The grant hash holds the key id: it cannot be moved to another key.",
    byAllice,
    neutral,
    { og: [grantHash(keyOf(ALLICE.identity, 2).kid, "boss@someisp.tld")] },
  ),
  of(
    "agent-grant-with-kid-as-octets",
    ["IDY-15"],
    "In the grant hash the kid is its 22 characters, not the 16 octets they stand for.",
    byAllice,
    neutral,
    { og: [grantHash(Buffer.from(ALLICE.kid, "base64url").toString("latin1"), "boss@someisp.tld")] },
  ),
  of(
    "agent-across-domains",
    ["IDY-10", "IDY-11"],
    "An asterisk ends at the domain.",
    { ...byAllice, From: "boss@other.tld" },
    neutral,
    { og: ["*"] },
  ),
  of(
    "agent-across-domains-by-hash",
    ["IDY-10", "IDY-11"],
    "Across domains no grant exists, not even by hash.",
    { ...byAllice, From: "boss@other.tld" },
    neutral,
    { og: [grant("boss@other.tld")] },
  ),
  of(
    "agent-for-subdomain",
    ["IDY-10", "IDY-11"],
    "A subdomain is another domain.",
    { ...byAllice, From: "boss@sub.someisp.tld" },
    neutral,
    { og: ["*"] },
  ),
  of(
    "agent-for-two",
    ["IDY-10"],
    "Every From mailbox is granted.",
    { ...byAllice, From: "boss@someisp.tld, chief@someisp.tld" },
    AGENT,
    { og: [boss, grant("chief@someisp.tld")] },
  ),
  of(
    "agent-for-two-one-not-granted",
    ["IDY-10", "IDY-11"],
    "One that is not granted spoils it.",
    { ...byAllice, From: "boss@someisp.tld, chief@someisp.tld" },
    neutral,
    { og: [boss] },
  ),
  of(
    "agent-for-two-one-elsewhere",
    ["IDY-10", "IDY-11"],
    "So does one in another domain.",
    { ...byAllice, From: "boss@someisp.tld, bob@dest.tld" },
    neutral,
    { og: ["*"] },
  ),
  of(
    "agent-and-author",
    ["IDY-10"],
    "From holds the signer and one who granted.",
    { ...byAllice, From: "allice@someisp.tld, boss@someisp.tld" },
    AGENT,
    { og: [boss] },
  ),
  of(
    "author-twice",
    ["IDY-9", "IDY-10"],
    "Two From mailboxes, both the signer: not exactly one, yet every one is i.",
    { ...byAllice, From: "allice@someisp.tld, allice@someisp.tld" },
    AGENT,
  ),
  of(
    "agent-for-group",
    ["IDY-10"],
    "A group counts as the mailboxes in it.",
    { ...byAllice, From: "Board: boss@someisp.tld, chief@someisp.tld;" },
    AGENT,
    { og: ["*"] },
  ),
  of(
    "agent-for-empty-group",
    ["IDY-12"],
    "agent needs at least one From mailbox.",
    { ...byAllice, From: "Undisclosed:;" },
    neutral,
    { og: ["*"] },
  ),
  of(
    "agent-for-address-literal",
    ["IDY-11"],
    "An ineligible From address is in no domain.",
    { ...byAllice, From: "boss@[192.0.2.1]" },
    neutral,
    { og: ["*"] },
  ),
  of("author-with-grants", ["IDY-9"], "Grants do not change alignment from.", {}, PASS, { og: ["*"] }),
  of(
    "stranger",
    ["IDY-11", "IDY-16"],
    "A valid Sender signature lends a stranger's From no credit.",
    { From: "Your Bank <service@bank.tld>", Sender: "allice@someisp.tld" },
    neutral,
  ),
  ...(
    [
      [
        "grant-hash",
        ALLICE.kid,
        "boss@someisp.tld",
        "boss@someisp.tld",
        'First 16 octets of SHA-256("VSMTP1-GRANT", zero octet, kid, zero octet, address).',
      ],
      [
        "grant-hash-of-mixed-case",
        ALLICE.kid,
        "BOSS@SomeISP.tld",
        "boss@someisp.tld",
        "The address is in canonical form.",
      ],
      [
        "grant-hash-of-utf-8",
        ALLICE.kid,
        "J\u00f6rg@b\u00fccher.tld",
        "j\u00f6rg@xn--bcher-kva.tld",
        "Unencoded local part, A-labels.",
      ],
      ["grant-hash-of-quoted", ALLICE.kid, '"a b"@someisp.tld', "a b@someisp.tld", "Unquoted local part."],
    ] as const
  ).map(
    ([name, kid, from, canonical, about]): Case => ({
      name,
      kind: "grant-hash",
      requirements: ["IDY-13", "IDY-15"],
      about,
      input: { kid, from },
      expected: { hash: grantHash(kid, utf8(canonical)) },
    }),
  ),
];
