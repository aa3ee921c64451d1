// V11, recipient hashes, copy splitting.
import { base64, utf8 } from "../reference/canonical.ts";
import { recipientHash } from "../reference/hashes.ts";
import { SALT, signed } from "../reference/signature-field.ts";
import { type Case, mustEqual } from "../vector.ts";
import { fail, mail, PASS, verifyCase } from "../verify-case.ts";

function hash(
  name: string,
  about: string,
  address: string,
  canonical: string,
  salt: Uint8Array = SALT,
): Case {
  const expected = { hash: recipientHash(salt, utf8(canonical)) };
  const input = { salt: base64(salt), address };
  return { name, kind: "recipient-hash", requirements: ["RCP-1", "RCP-3", "ADR-4"], about, input, expected };
}

mustEqual(
  recipientHash(SALT, "bob@dest.tld"),
  "f3fRZEltlUV0T1rybP9aiQ",
  "the recipient of the worked example",
);

function to(
  name: string,
  requirements: readonly string[],
  about: string,
  bound: readonly string[] | null,
  recipients: readonly string[],
  rcpt: string,
  f?: string,
): Case {
  const message = signed(mail(), {
    ...(bound ? { recipients: bound.map(utf8) } : {}),
    ...(f === undefined ? {} : { tags: { f } }),
  });
  const expected = rcpt === "fail" ? { ...fail("exact"), rcpt: "mismatch" } : { ...PASS, rcpt };
  return verifyCase({ name, requirements, about, message, recipients, expected });
}

const BOB = "bob@dest.tld";
const CAROL = "carol@dest.tld";

/** @param copies who is to get each */
function copies(
  name: string,
  about: string,
  header: Readonly<Record<string, string>>,
  groups: readonly (readonly string[])[],
  recipients: readonly string[] = groups.flat(),
): Case {
  const octets = Object.entries(header).map(([field, value]) => `${field}: ${utf8(value)}\r\n`);
  return {
    name,
    kind: "copies",
    requirements: ["RCP-4", "RCP-6"],
    about,
    input: { header: base64(octets.join("")), recipients },
    expected: {
      copies: groups.map((group) => group.toSorted()).sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1)),
    },
  };
}

const many = Array.from({ length: 33 }, (_, one) => `user${String(one).padStart(2, "0")}@dest.tld`);

export const recipients: readonly Case[] = [
  hash("hash-of-the-worked-example", "f3fRZEltlUV0T1rybP9aiQ.", BOB, BOB),
  hash("hash-of-mixed-case", "The address is in canonical form.", "BOB@Dest.TLD", BOB),
  hash("hash-of-quoted", "Unquoted.", '"bob"@dest.tld', BOB),
  hash(
    "hash-of-utf-8",
    "Unencoded local part, A-labels.",
    "J\u00f6rg@b\u00fccher.tld",
    "j\u00f6rg@xn--bcher-kva.tld",
  ),
  hash("hash-of-subaddress", "A subaddress is kept and not encoded.", "bob+x@dest.tld", "bob+x@dest.tld"),
  hash("hash-with-other-salt", "The salt is its 16 raw octets.", BOB, BOB, Buffer.alloc(16, 0xff)),

  to("match", ["VER-14"], "The transaction's recipient hashes into r.", [BOB], [BOB], "match"),
  to("match-of-several", ["VER-14"], "Every recipient does.", [BOB, CAROL], [CAROL, BOB], "match"),
  to(
    "match-of-one-of-several",
    ["VER-14"],
    "r may hold more than this transaction has.",
    [BOB, CAROL],
    [CAROL],
    "match",
  ),
  to(
    "match-in-another-case",
    ["VER-14", "ADR-4"],
    "Recipients are compared in canonical form.",
    [BOB],
    ["Bob@DEST.tld"],
    "match",
  ),
  to("match-quoted", ["VER-14", "ADR-4"], "Quoting does not matter.", [BOB], ['"bob"@dest.tld'], "match"),
  to(
    "match-idn",
    ["VER-14", "ADR-4"],
    "U-labels and A-labels are the same.",
    ["bob@xn--bcher-kva.tld"],
    ["bob@b\u00fccher.tld"],
    "match",
  ),
  to(
    "match-utf-8",
    ["VER-14", "ADR-4"],
    "NFC, unencoded.",
    ["j\u00f6rg@dest.tld"],
    ["jo\u0308rg@dest.tld"],
    "match",
  ),
  to(
    "mismatch",
    ["VER-16", "VER-18"],
    "The recipient is not in r: the message passes, the property says mismatch.",
    [BOB],
    [CAROL],
    "mismatch",
  ),
  to(
    "mismatch-of-one",
    ["VER-14", "VER-16"],
    "One recipient that is not in r spoils the match.",
    [BOB],
    [BOB, CAROL],
    "mismatch",
  ),
  to(
    "mismatch-by-subaddress",
    ["VER-16", "ADR-3"],
    "A subaddress is another address.",
    [BOB],
    ["bob+x@dest.tld"],
    "mismatch",
  ),
  to(
    "mismatch-of-address-literal",
    ["VER-16", "ADR-8"],
    "A recipient that is not eligible is in no r.",
    [BOB],
    ["bob@[192.0.2.1]"],
    "mismatch",
  ),
  to(
    "mismatch-of-postmaster",
    ["VER-16"],
    "A recipient without domain is in no r.",
    [BOB],
    ["postmaster"],
    "mismatch",
  ),
  to(
    "mismatch-of-encoded-form",
    ["RCP-1", "VER-16"],
    "r holds the hash of the percent-encoded address, which nobody has.",
    ["j%C3%B6rg@dest.tld"],
    ["j\u00f6rg@dest.tld"],
    "mismatch",
  ),
  to("unbound", ["VER-14"], "Without r nothing is bound.", null, [BOB], "unbound"),
  to("exact-match", ["SIG-19", "VER-20"], "exact does not hurt a match.", [BOB], [BOB], "match", "exact"),
  to(
    "exact-mismatch",
    ["SIG-19", "VER-20"],
    "exact makes a mismatch fail exact.",
    [BOB],
    [CAROL],
    "fail",
    "exact",
  ),
  to(
    "exact-mismatch-of-one",
    ["VER-20"],
    "One recipient that is not in r suffices.",
    [BOB],
    [BOB, CAROL],
    "fail",
    "exact",
  ),
  to(
    "exact-among-flags",
    ["SIG-19", "SIG-24", "VER-20"],
    "exact beside auto and a flag nobody knows.",
    [BOB],
    [CAROL],
    "fail",
    "auto:exact:later",
  ),
  to("exact-without-r", ["VER-21"], "exact without r has no effect.", null, [BOB], "unbound", "exact"),
  to(
    "auto-mismatch",
    ["SIG-19", "VER-18"],
    "auto says nothing about recipients.",
    [BOB],
    [CAROL],
    "mismatch",
    "auto",
  ),

  copies("copies-one-recipient", "One visible recipient, one copy.", { To: BOB }, [[BOB]]),
  copies(
    "copies-one-domain",
    "Visible recipients of one domain share a copy, To or Cc.",
    { To: BOB, Cc: CAROL },
    [[BOB, CAROL]],
  ),
  copies("copies-two-domains", "One copy for each domain.", { To: `${BOB}, dave@third.tld`, Cc: CAROL }, [
    [BOB, CAROL],
    ["dave@third.tld"],
  ]),
  copies(
    "copies-blind",
    "A blind recipient gets a copy alone, although the domain is one that has a copy.",
    { To: BOB },
    [[BOB], ["eve@dest.tld"]],
  ),
  copies("copies-two-blind", "Two blind recipients do not learn of each other.", { To: BOB }, [
    [BOB],
    ["eve@dest.tld"],
    ["frank@dest.tld"],
  ]),
  copies("copies-all-blind", "Nobody is visible.", { To: "undisclosed-recipients:;" }, [
    ["eve@dest.tld"],
    ["frank@dest.tld"],
  ]),
  copies(
    "copies-bcc-field-does-not-make-visible",
    "Bcc is removed before signing; who stands there is blind.",
    { To: BOB, Bcc: CAROL },
    [[BOB], [CAROL]],
  ),
  copies(
    "copies-visible-in-another-case",
    "Visibility is judged in canonical form.",
    { To: "Bob <BOB@Dest.TLD>" },
    [[BOB], [CAROL]],
  ),
  copies(
    "copies-visible-in-group",
    "A group in To names its mailboxes.",
    { To: `Friends: ${BOB}, ${CAROL};` },
    [[BOB, CAROL]],
  ),
  copies(
    "copies-visible-but-not-recipient",
    "Who is named but no recipient gets none.",
    { To: `${BOB}, gone@dest.tld` },
    [[BOB]],
  ),
  copies(
    "copies-of-32",
    "32 recipients of one domain fit into one copy.",
    { To: many.slice(0, 32).join(", ") },
    [many.slice(0, 32)],
  ),
  copies("copies-of-33", "33 make several copies of at most 32.", { To: many.join(",\r\n ") }, [
    many.slice(0, 32),
    many.slice(32),
  ]),
];
