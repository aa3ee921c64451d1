// V9, canonical addresses: percent-encoded, as in i and KEY.
import type { Case } from "../vector.ts";

function decoded(name: string, about: string, encoded: string, canonical: string | null): Case {
  const requirements = ["SIG-30", "ADR-2"];
  return { name, kind: "encoded-address", requirements, about, input: { encoded }, expected: { canonical } };
}

export const encodedAddresses: readonly Case[] = [
  decoded("encoded-plain", "Nothing to decode.", "allice@someisp.tld", "allice@someisp.tld"),
  decoded(
    "encoded-octets",
    "Each octet that is not unreserved is encoded.",
    "j%C3%B6%20rg%40%25@someisp.tld",
    "j\u00f6 rg@%@someisp.tld",
  ),
  decoded(
    "encoded-a-label",
    "The domain is in A-labels.",
    "allice@xn--bcher-kva.tld",
    "allice@xn--bcher-kva.tld",
  ),
  decoded("encoded-lower-case-hex", "Hex digits are upper case.", "j%c3%b6rg@someisp.tld", null),
  decoded("encoded-needlessly", "An unreserved octet is not encoded.", "%6A%6Frg@someisp.tld", null),
  decoded(
    "encoded-upper-case-letter",
    "The local part is in lower case before it is encoded.",
    "Allice@someisp.tld",
    null,
  ),
  decoded("encoded-not-nfc", "It is in NFC, too.", "jo%CC%88rg@someisp.tld", null),
  decoded("encoded-not-utf-8", "The octets are UTF-8.", "j%F6rg@someisp.tld", null),
  decoded("encoded-surrogate", "UTF-8 has no surrogates.", "%ED%A0%80@someisp.tld", null),
  decoded("encoded-overlong", "UTF-8 has one form of each character.", "%C0%A0@someisp.tld", null),
  decoded("encoded-control-character", "Control characters are not eligible.", "a%0Ab@someisp.tld", null),
  decoded("encoded-percent-alone", "A percent sign begins an encoded octet.", "100%@someisp.tld", null),
  decoded("encoded-raw-utf-8", "i is ASCII in every case.", "j\u00f6rg@someisp.tld", null),
  decoded("encoded-u-label", "i is ASCII in every case.", "allice@b\u00fccher.tld", null),
  decoded("encoded-domain-upper-case", "The domain is in lower case.", "allice@Someisp.tld", null),
  decoded("encoded-domain-percent", "The domain is not percent-encoded.", "allice@some%69sp.tld", null),
  decoded("encoded-quoted", "Quotes are syntax, not part of the address.", '"allice"@someisp.tld', null),
  decoded(
    "encoded-byte-order-mark",
    "U+FEFF is a character like others.",
    "%EF%BB%BFa@someisp.tld",
    "\ufeffa@someisp.tld",
  ),
];
