// V1, tag grammar: base64 values and identities.
import { ALLICE, keyOf } from "../reference/keys.ts";
import { type SignatureOptions, signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import type { Case } from "../vector.ts";
import { fail, mail, PASS, PERMERROR, verifyCase } from "../verify-case.ts";
import { tags } from "./v1-field-case.ts";

function b(
  name: string,
  about: string,
  options: SignatureOptions,
  expected: Readonly<Record<string, unknown>>,
): Case {
  return verifyCase({ name, requirements: ["SIG-22"], about, message: signed(mail(), options), expected });
}

const bodyHash = /bh=([^;]+)/.exec(signed(mail()))?.[1] ?? "";
/** The same octets in a text whose unused bits are not all zero: the character before "=" is one further. */
const dirtyBits = (text: string): string =>
  text.replace(/(.)(=+)$/, (_, last: string, padding: string) => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return `${alphabet[alphabet.indexOf(last) + 1]}${padding}`;
  });

export const base64AndIdentities: readonly Case[] = [
  tags(
    "body-hash-folded",
    ["SIG-22"],
    "FWS inside base64 is removed first.",
    { bh: `${bodyHash.slice(0, 10)}\r\n ${bodyHash.slice(10)}` },
    PASS,
  ),
  tags(
    "body-hash-without-padding",
    ["SIG-22"],
    "Base64 is padded.",
    { bh: bodyHash.replace(/=+$/, "") },
    PERMERROR,
  ),
  tags(
    "body-hash-unused-bits",
    ["SIG-22"],
    "The unused bits of base64 are zero.",
    { bh: dirtyBits(bodyHash) },
    PERMERROR,
  ),
  tags(
    "body-hash-in-base64url",
    ["SIG-22"],
    "bh is RFC 4648 section 4 base64, not base64url.",
    { bh: `_-${bodyHash.slice(2)}` },
    PERMERROR,
  ),
  tags(
    "body-hash-of-31-octets",
    ["SIG-23"],
    "A bh of wrong length is fail body.",
    { bh: Buffer.alloc(31).toString("base64") },
    fail("body"),
  ),
  tags(
    "body-hash-of-33-octets",
    ["SIG-23"],
    "A bh of wrong length is fail body, also when it begins with the right hash.",
    { bh: Buffer.concat([Buffer.from(bodyHash, "base64"), Buffer.of(0)]).toString("base64") },
    fail("body"),
  ),
  b(
    "signature-folded",
    "FWS inside b is removed first, and b is not signed.",
    { b: (text) => ` ${text.match(/.{1,20}/g)?.join("\r\n  ")}` },
    PASS,
  ),
  b("signature-empty", "b holds at least one character.", { b: () => "" }, PERMERROR),
  b("signature-white-space-alone", "White space is no base64.", { b: () => "\r\n " }, PERMERROR),
  b("signature-without-padding", "Base64 is padded.", { b: (text) => text.replace(/=+$/, "") }, PERMERROR),
  b(
    "signature-padded-too-much",
    "There is one right number of padding characters.",
    { b: (text) => `${text}=` },
    PERMERROR,
  ),
  b("signature-unused-bits", "The unused bits of base64 are zero.", { b: dirtyBits }, PERMERROR),
  b(
    "signature-in-base64url",
    "b is base64, not base64url.",
    { b: (text) => `-_${text.slice(2)}` },
    PERMERROR,
  ),
  verifyCase({
    name: "signature-of-63-octets",
    requirements: ["SIG-23"],
    about: "A b of wrong length is fail signature.",
    message: signed(mail(), { signature: (octets) => octets.subarray(0, 63) }),
    expected: fail("signature"),
  }),
  verifyCase({
    name: "signature-of-65-octets",
    requirements: ["SIG-23"],
    about: "A b of wrong length is fail signature, also when it begins with the right one.",
    message: signed(mail(), { signature: (octets) => Buffer.concat([octets, Buffer.of(0)]) }),
    expected: fail("signature"),
  }),
  ...(
    [
      ["upper-case", "Allice@someisp.tld", "The local part is in lower case."],
      ["domain-upper-case", "allice@SomeISP.tld", "The domain is in lower case."],
      ["needless-encoding", "%61llice@someisp.tld", "Unreserved characters are not percent-encoded."],
      ["lower-case-encoding", "allice%2bx@someisp.tld", "Percent-encoding is in upper-case hex."],
      ["plus-sign", "allice+x@someisp.tld", "A plus sign must be percent-encoded."],
      ["quoted", '"allice"@someisp.tld', "A quoted local part is not canonical."],
      ["u-label", "allice@b\xc3\xbccher.tld", "The domain is in A-labels."],
      ["fake-a-label", "allice@xn--zzzzzzzz-.tld", "A label that begins with xn-- must be an A-label."],
      ["address-literal", "allice@[192.0.2.1]", "Address literals are not eligible."],
      ["underscore", "allice@some_isp.tld", "Underscores in a domain are not eligible."],
      ["trailing-dot", "allice@someisp.tld.", "A trailing dot does not parse."],
      ["empty-label", "allice@someisp..tld", "An empty label does not parse."],
      ["empty-local-part", "@someisp.tld", "An empty local part is not eligible."],
      ["control-character", "allice%00@someisp.tld", "Control characters are not eligible, encoded or not."],
      ["not-utf-8", "allice%FF@someisp.tld", "The encoded octets are UTF-8."],
      ["not-nfc", "allice%65%CC%81@someisp.tld", "The local part is in NFC, and e is not encoded."],
      ["decomposed", "allice-e%CC%81@someisp.tld", "The local part is in NFC; this one is decomposed."],
      ["upper-case-encoded", "%41llice@someisp.tld", "An encoded upper-case letter is not canonical either."],
      ["local-part-of-65-octets", `${"a".repeat(65)}@someisp.tld`, "A local part has at most 64 octets."],
      ["two-at-signs", "allice@x@someisp.tld", "An at sign in the local part is encoded."],
    ] as const
  ).map(([name, i, about]) => tags(`identity-${name}`, ["SIG-30"], about, { i }, PERMERROR)),
  tags(
    "identity-padded-with-white-space",
    ["SIG-3"],
    "FWS around a value is ignored, around i as well.",
    { i: `\r\n ${ALLICE.identity} ` },
    PASS,
  ),
  ...[`${"a".repeat(64)}@someisp.tld`, "allice%2Bx@someisp.tld", "all%C3%ADce@someisp.tld"].map(
    (identity, index) => {
      const key = keyOf(identity);
      return verifyCase({
        name: `identity-${["local-part-of-64-octets", "subaddress", "with-utf-8"][index]}`,
        requirements: ["SIG-11", "ADR-2"],
        about: "A canonical, percent-encoded identity that equals the address in From.",
        message: signed(mail({ From: decodeURIComponent(identity) }), { key }),
        statements: [statement(key)],
        expected: { ...PASS, identity, kid: key.kid },
      });
    },
  ),
];
