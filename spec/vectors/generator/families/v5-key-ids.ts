// V5, key ids.
import { base64 } from "../reference/canonical.ts";
import { keyId } from "../reference/hashes.ts";
import { ALLICE, keyOf, STATEMENT_KEY } from "../reference/keys.ts";
import { RSA_2048, RSA_4096 } from "../reference/rsa-keys.ts";
import { signed } from "../reference/signature-field.ts";
import { statement } from "../reference/statement.ts";
import { type Case, mustEqual } from "../vector.ts";
import { fail, mail, verifyCase } from "../verify-case.ts";

function kid(name: string, about: string, spki: Uint8Array): Case {
  const expected = { kid: keyId(spki) };
  return { name, kind: "key-id", requirements: ["SIG-38"], about, input: { spki: base64(spki) }, expected };
}

mustEqual(ALLICE.kid, "FIH_rUKoiX6PoyILK0Uagg", "the key id of the worked example");
const other = keyOf("allice@someisp.tld", 2);

export const keyIds: readonly Case[] = [
  kid("ed25519-of-the-worked-example", "RFC 8032 test 1: FIH_rUKoiX6PoyILK0Uagg.", ALLICE.spki),
  kid("ed25519-rfc-8032-test-2", "RFC 8032 test 2.", STATEMENT_KEY.spki),
  kid("ed25519", "Another Ed25519 key.", other.spki),
  kid("rsa-2048", "All of SubjectPublicKeyInfo is hashed, whatever the algorithm.", RSA_2048.spki),
  kid("rsa-4096", "A large RSA key.", RSA_4096.spki),
  kid("no-octets", 'The hash of the prefix alone: "VSMTP1-KID" and a zero octet.', Buffer.alloc(0)),
  verifyCase({
    name: "public-key-swapped",
    requirements: ["SIG-39", "STA-7"],
    about:
      "The statement names the right key id but holds another public key: the verifier recomputes the id.",
    message: signed(mail(), { key: { ...other, kid: ALLICE.kid } }),
    statements: [statement(ALLICE, { tags: { p: base64(other.spki) } })],
    expected: fail("bad-key"),
  }),
  verifyCase({
    name: "key-id-of-the-bare-public-key",
    requirements: ["SIG-38"],
    about: "A key id made of the 32 octets of the public key instead of its SubjectPublicKeyInfo.",
    message: signed(mail(), { key: { ...ALLICE, kid: keyId(ALLICE.spki.subarray(12)) } }),
    statements: [statement({ ...ALLICE, kid: keyId(ALLICE.spki.subarray(12)) })],
    expected: { result: "fail", reason: "bad-key" },
  }),
];
