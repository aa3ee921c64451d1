import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  canonicalAddress,
  canonicalDomain,
  claimsAuthservId,
  decodeAddress,
  encodeAddress,
  faultText,
  fieldText,
  formatAddress,
  formatAuthenticationResults,
  HeaderReader,
  parseAddress,
  parseHeader,
  parseMailboxes,
} from "./index.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

describe("canonical address (ADR-1 to ADR-13)", () => {
  const eligible: [string, string, string][] = [
    ["allice@someisp.tld", "allice@someisp.tld", "plain"],
    ["Allice@SomeISP.TLD", "allice@someisp.tld", "ASCII case"],
    ["ÄÖ@x.tld", "ÄÖ@x.tld", "only ASCII is lower-cased"],
    ["a\u0308@x.tld", "ä@x.tld", "NFC"],
    ["\u212Aelvin@x.tld", "kelvin@x.tld", "NFC gives ASCII, which is then lower-cased"],
    ['"a b"@x.tld', "a b@x.tld", "quoted local part"],
    ['"a.b"@x.tld', "a.b@x.tld", "needless quotes"],
    ['"a\\"b"@x.tld', 'a"b@x.tld', "quoted pair"],
    ['"a@b"@x.tld', "a@b@x.tld", "at sign in quotes"],
    ["a+tag@x.tld", "a+tag@x.tld", "subaddress is kept"],
    ["(c)a(c)@(c)x.tld(c)", "a@x.tld", "comments"],
    ["a . b @ x . tld", "a.b@x.tld", "obsolete white space"],
    ["u@bücher.example", "u@xn--bcher-kva.example", "U-label"],
    ["u@faß.de", "u@xn--fa-hia.de", "non-transitional"],
    ["u@XN--BCHER-KVA.example", "u@xn--bcher-kva.example", "A-label case"],
    ["u@a。b", "u@a.b", "ideographic full stop"],
    ["u@localhost", "u@localhost", "one label (ADR-6)"],
    ["u@r3---x.example", "u@r3---x.example", "hyphens inside"],
    [`${"l".repeat(64)}@x.tld`, `${"l".repeat(64)}@x.tld`, "64 octets"],
    [`u@${"d".repeat(63)}.tld`, `u@${"d".repeat(63)}.tld`, "label of 63 octets"],
  ];
  for (const [text, canonical, what] of eligible) {
    it(`${what}: ${text.slice(0, 40)}`, () => assert.equal(canonicalAddress(text), canonical));
  }

  const refused: [string, "syntax" | "ineligible", string][] = [
    ["", "syntax", "nothing"],
    ["a", "syntax", "no domain"],
    ["a@", "syntax", "empty domain"],
    ["@x.tld", "syntax", "empty local part"],
    ['""@x.tld', "ineligible", "empty quoted local part"],
    ["a@b@c.tld", "syntax", "two at signs"],
    ["a..b@x.tld", "syntax", "two dots"],
    [".a@x.tld", "syntax", "leading dot"],
    ["a.@x.tld", "syntax", "trailing dot of the local part"],
    ["a@x.tld.", "syntax", "trailing dot of the domain (ADR-6)"],
    ["a@x..tld", "syntax", "empty label (ADR-6)"],
    ["a@b.c\0", "syntax", "NUL"],
    ["a@b.c\0@d.e", "syntax", "NUL and more"],
    ['"a\0"@x.tld', "ineligible", "NUL in quotes"],
    ['"a\tb"@x.tld', "ineligible", "control character (ADR-6)"],
    ["a@[192.0.2.1]", "ineligible", "address literal"],
    ["a@x_y.tld", "ineligible", "underscore (ADR-6)"],
    ["a@-x.tld", "ineligible", "leading hyphen"],
    ["a@x-.tld", "ineligible", "trailing hyphen"],
    ["a@xn--a.tld", "ineligible", "A-label that does not decode"],
    ["a@%41.tld", "ineligible", "percent sign in the domain"],
    [`${"l".repeat(65)}@x.tld`, "ineligible", "65 octets"],
    [`${"é".repeat(33)}@x.tld`, "ineligible", "66 octets of UTF-8"],
    [`u@${"d".repeat(64)}.tld`, "ineligible", "label of 64 octets"],
    [`u@${"abcdefg.".repeat(31)}abcdef`, "ineligible", "254 octets"],
    ["Allice <a@x.tld>", "syntax", "display name"],
    ["a@x.tld, b@x.tld", "syntax", "two addresses"],
    ["a(@x.tld", "syntax", "open comment"],
    ['"a@x.tld', "syntax", "open quotes"],
    ["a\ud800@x.tld", "syntax", "lone surrogate"],
  ];
  for (const [text, problem, what] of refused) {
    it(`refuses ${what}`, () => {
      const result = parseAddress(text);
      assert.equal(result.ok, false);
      assert.equal(!result.ok && result.problem, problem);
    });
  }

  it("does not take digits of other scripts for an IPv4 address", () => {
    assert.equal(canonicalDomain("１２７.0.0.1"), "127.0.0.1");
    assert.equal(canonicalDomain("0x7f.1"), "0x7f.1");
  });

  it("encodes and decodes without loss; what is not canonical does not decode (SIG-30)", () => {
    assert.equal(encodeAddress({ localPart: "a b%ü", domain: "x.tld" }), "a%20b%25%C3%BC@x.tld");
    for (const bad of [
      "A@x.tld",
      "a@X.tld",
      "%61@x.tld",
      "a%2fb@x.tld",
      "a%C3@x.tld",
      "a@bücher.tld",
      "a b@x.tld",
      "a",
    ]) {
      assert.equal(decodeAddress(bad), null, bad);
    }
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (local) => {
        const quoted = `"${local.replace(/["\\]/g, "\\$&")}"@x.tld`;
        const parsed = parseAddress(quoted);
        if (!parsed.ok) return;
        assert.deepEqual(decodeAddress(encodeAddress(parsed.address)), parsed.address);
        assert.deepEqual(parseAddress(formatAddress(parsed.address)), parsed);
      }),
    );
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        parseAddress(text);
        parseMailboxes(text);
      }),
      { numRuns: 500 },
    );
    const pieces = fc.constantFrom(...'a@.,:;<>[]()"\\ \t\r\n', "é", "x.tld", "a@b.c", "\u0000");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
        parseMailboxes(parts.join(""));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("mailbox lists (RFC 5322 §3.4)", () => {
  const addresses = (text: string): string[] | string => {
    const parsed = parseMailboxes(text);
    return parsed.ok
      ? parsed.mailboxes.map(({ address }) => `${address.localPart}@${address.domain}`)
      : "error";
  };
  const table: [string, string[] | string][] = [
    ["a@x.tld", ["a@x.tld"]],
    ["Allice <a@x.tld>", ["a@x.tld"]],
    ['"Allice, A." <a@x.tld>, b@x.tld', ["a@x.tld", "b@x.tld"]],
    ["John Q. Public <a@x.tld>", ["a@x.tld"]],
    ["=?utf-8?Q?J=C3=BC?= <a@x.tld>", ["a@x.tld"]],
    ["<a@x.tld>", ["a@x.tld"]],
    ["J\ufffdrg (\ufffd) <a@x.tld>", ["a@x.tld"]],
    ["j\ufffdrg@x.tld", "error"],
    ["a@\ufffd.tld", "error"],
    ["<@r1.tld,@r2.tld:a@x.tld>", ["a@x.tld"]],
    ["Team: a@x.tld, B <b@x.tld>;", ["a@x.tld", "b@x.tld"]],
    ["Undisclosed: ;", []],
    ["a@x.tld,, b@x.tld,", ["a@x.tld", "b@x.tld"]],
    ["a@x.tld (Allice (the first))", ["a@x.tld"]],
    ["", []],
    ["a@x.tld b@x.tld", "error"],
    ["Allice a@x.tld", "error"],
    ["<a@x.tld", "error"],
    ["a@x.tld>", "error"],
    ["<a@x.tld> b", "error"],
    ["<>", "error"],
    ["Team: a@x.tld", "error"],
    ["Team: Inner: a@x.tld;;", "error"],
    ["a@b.c@d.e", "error"],
    ["a@x.tld\0", "error"],
    ['"a"b@x.tld', "error"],
  ];
  for (const [text, expected] of table) {
    it(JSON.stringify(text), () => assert.deepEqual(addresses(text), expected));
  }
});

describe("header (MSG-2, MSG-9, MSG-10)", () => {
  it("lists fields with their places; a white continuation line belongs to its field (MSG-10)", () => {
    const header = parseHeader(octets("From: a\r\nX-Y :  b\r\n \t\r\n c\r\nTo:\r\n"));
    assert.equal(header.fault, null);
    assert.deepEqual(
      header.fields.map((field) => [field.name, fieldText(header, field), field.start, field.end]),
      [
        ["from", "a", 0, 9],
        ["x-y", "b \t c", 9, 27],
        ["to", "", 27, 32],
      ],
    );
  });

  const faults: [string, string, number, number | null][] = [
    ["From: a\nTo: b\r\n", "bare-lf", 7, 1],
    ["From: a\rb\r\n", "bare-cr", 7, 1],
    ["From: a\r\nTo: b\r", "bare-cr", 14, 2],
    ["From: a\0\r\n", "nul", 7, 1],
    [`A: b\r\nX: ${"x".repeat(996)}\r\n`, "long-line", 6 + 998, 2],
    ["From a@b Mon\r\n", "bad-header-line", 0, 1],
    [" From: a\r\n", "bad-header-line", 0, 1],
    ["Fr om: a\r\n", "bad-header-line", 0, 1],
    ["Fr\xf6m: a\r\n", "bad-header-line", 0, 1],
    [": a\r\n", "bad-header-line", 0, 1],
  ];
  for (const [text, kind, offset, line] of faults) {
    it(`${kind} in ${JSON.stringify(text.slice(0, 30))}`, () => {
      const { fault } = parseHeader(octets(text));
      assert.deepEqual(fault, { kind, offset, line });
      assert.match(fault ? faultText(fault) : "", /^line \d+ \(byte \d+\): an? /);
    });
  }

  it("takes lines of exactly 998 octets", () => {
    assert.equal(parseHeader(octets(`X: ${"x".repeat(995)}\r\n`)).fault, null);
  });

  it("splits header and body alike for any chunking", () => {
    const samples = [
      "A: b\r\n\r\nbody\r\n",
      "\r\nbody",
      "A: b\r\n",
      "A: b",
      "",
      "\r\n\r\n",
      "A: b\r\n\r\n",
      "\r",
      "A: b\n\nbody",
    ];
    for (const sample of samples) {
      const whole = split([octets(sample)]);
      assert.deepEqual(
        split([...octets(sample)].map((octet) => Uint8Array.of(octet))),
        whole,
        JSON.stringify(sample),
      );
    }
    assert.deepEqual(split([octets("A: b\r\n\r\nbody\r\n")]), { header: "A: b\r\n", body: "body\r\n" });
    assert.deepEqual(split([octets("\r\nbody")]), { header: "", body: "body" });
  });

  it("bounds the header at 1 MiB, whatever the chunks", () => {
    for (const size of [1, 4]) {
      const reader = new HeaderReader();
      const chunk = Buffer.alloc((1 << 18) * size, "X: y\r\n");
      for (let i = 0; i < 6 / size; i++) reader.write(chunk);
      assert.equal(reader.finish().length, 1 << 20);
      assert.equal(reader.fault?.kind, "header-too-large");
    }
  });
});

function split(chunks: Uint8Array[]): { header: string; body: string } {
  const reader = new HeaderReader();
  const body = chunks.map((chunk) => Buffer.from(reader.write(chunk)).toString("latin1")).join("");
  return { header: Buffer.from(reader.finish()).toString("latin1"), body };
}

describe("Authentication-Results (RFC 8601)", () => {
  it("writes REC-1's properties, folded and quoted where needed", () => {
    const text = formatAuthenticationResults("mx.dest.tld", [
      {
        method: "vsmtp",
        result: "fail",
        reason: "no key",
        properties: [
          ["header.i", "allice@someisp.tld"],
          ["header.k", "FIH_rUKoiX6PoyILK0Uagg"],
          ["policy.x", "a b"],
        ],
      },
    ]);
    assert.equal(
      Buffer.from(text).toString(),
      'Authentication-Results: mx.dest.tld;\r\n vsmtp=fail reason="no key" header.i=allice@someisp.tld\r\n header.k=FIH_rUKoiX6PoyILK0Uagg policy.x="a b"\r\n',
    );
  });

  it("quotes what is neither token nor address (RFC 8601 §2.2, RFC 2045 §5.1)", () => {
    const written = (value: string): string => {
      const text = formatAuthenticationResults("x", [
        { method: "dkim", result: "pass", reason: null, properties: [["header.b", value]] },
      ]);
      return /header\.b=(.*)\r\n/.exec(Buffer.from(text).toString())?.[1] ?? "";
    };
    for (const bare of ["abc+123", "FIH_rUKoi-X6", "@x.tld", "a=b/c?d@x.tld", "a.b@xn--a.tld", "192.0.2.1"])
      assert.equal(written(bare), bare);
    for (const quoted of ["ab/c", "abc=", "a?", "2001:db8::1", "a@b@c", "a@", "a@b..c", "a;b", "ü", ""])
      assert.equal(written(quoted), `"${quoted}"`);
    assert.equal(written('a"b\\c\r\n'), '"a\\"b\\\\c  "');
  });

  it("knows which fields claim our id; what it cannot read claims it", () => {
    for (const forged of [
      "mx.dest.tld; x=y",
      " MX.dest.TLD;",
      '"mx.dest.tld" 1; x=y',
      'mx."dest.tld"; x=y',
      '"mx".dest."tl\\d"; x=y',
      "(a (b)) mx.dest.tld",
      "(open",
      "",
      "mx.dest.tld./1; x=y",
      "=?utf-8?q?mx.dest.tld?=; x=y",
    ]) {
      assert.equal(claimsAuthservId(forged, "mx.dest.tld"), true, forged);
    }
    for (const foreign of ["mx.other.tld; x=y", "mx.dest.tld.evil; x=y", "evil/mx.dest.tld"]) {
      assert.equal(claimsAuthservId(foreign, "mx.dest.tld"), false, foreign);
    }
  });
});
