import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../message/index.ts";
import { indexFields } from "./canonical-header.ts";
import { fromDomains } from "./index.ts";

// POL-22: nonsense around an address does not hide whose policy applies.

function domains(header: string): string[] {
  const parsed = parseHeader(Buffer.from(header));
  return fromDomains(parsed, indexFields(parsed));
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const long = "x".repeat(65);

const rows: [what: string, from: string, expected: string[]][] = [
  ["an address", "Allice <allice@someisp.test>", ["someisp.test"]],
  ["display names do not count", '"allice@someisp.test" <x@evil.test>', ["evil.test"]],
  ["nor do comments", "x@evil.test (allice@someisp.test)", ["evil.test"]],
  ["a local part that is too long", `${long}@someisp.test`, ["someisp.test"]],
  ["a local part with a control character", '"al\x01ice"@someisp.test', ["someisp.test"]],
  ["an empty local part", '""@someisp.test', ["someisp.test"]],
  ["a domain that is none", "allice@x_y.someisp.test", ["someisp.test"]],
  ["a label that is too long", `allice@${long}.someisp.test`, ["someisp.test"]],
  ["an A-label that is none", "allice@xn--a.someisp.test", ["someisp.test"]],
  ["a literal has no policy", "allice@[192.0.2.1]", []],
  ["words behind the address", "Allice <allice@someisp.test> indeed", ["someisp.test"]],
  ["a comma in a name", "Example, Inc. <allice@someisp.test>", ["someisp.test"]],
  ["a comment without its end", "allice@someisp.test (", ["someisp.test"]],
  ["a comment between, and no end", "allice@(x)someisp.test <", ["someisp.test"]],
  ["a quoted string without its end", '"allice@someisp.test', ["someisp.test"]],
  ["a dot at the end", "allice@someisp.test.", ["someisp.test"]],
  ["two dots", "allice@someisp..test", ["someisp.test"]],
  ["white space around dots", "allice@someisp . test <", ["someisp.test"]],
  ["angle brackets twice", "<<allice@someisp.test>>", ["someisp.test"]],
  ["two addresses without a comma", "x@evil.test allice@someisp.test", ["evil.test", "someisp.test"]],
  ["two @", "x@evil.test@someisp.test", ["evil.test", "someisp.test"]],
  ["a group without an end", "Friends: allice@someisp.test", ["someisp.test"]],
  ["a group of nobody that looks like somebody", '"allice@someisp.test":;', ["someisp.test"]],
  ["a group of nobody", "undisclosed:;", []],
  ["an encoded word", "=?utf-8?q?Allice_=3Callice=40someisp.test=3E?=", ["someisp.test"]],
  [
    "two of them",
    `=?utf-8?b?${base64("allice@some")}?=\r\n =?utf-8?b?${base64("isp.test")}?= <`,
    ["someisp.test"],
  ],
  ["in Latin-1", "=?iso-8859-1?q?allic=E9=40someisp=2Etest?= <", ["someisp.test"]],
  [
    "one as local part",
    `=?utf-8?b?${base64("allice@someisp.test")}?==?utf-8?q?=00?=@evil.test`,
    ["evil.test", "someisp.test"],
  ],
  ["full-width dots", "<<allice@someisp\uff0etest>>", ["someisp.test"]],
  ["a space that nobody sees", "allice@some\u200bisp.test", ["someisp.test"]],
  ["a domain in U-labels", "<<x@bücher.test>>", ["xn--bcher-kva.test"]],
  ["octets that are not UTF-8", "allice\xff@someisp.test <", ["someisp.test"]],
  ["nothing", "", []],
  ["no address", "Allice", []],
];
for (const [what, from, expected] of rows)
  test(`whose policy: ${what}`, () => assert.deepEqual(domains(`From: ${from}\r\n`), expected));

test("all From fields count, however they are written", () => {
  const header = "fRoM : x@a.test\r\nSubject: x\r\nFROM:\r\n y@b.test\r\nFrom: z@c.test (\r\n";
  assert.deepEqual(domains(header), ["a.test", "b.test", "c.test"]);
});

test("where there is no From, Sender is what people see", () => {
  assert.deepEqual(domains("Sender: x@a.test\r\nSubject: x\r\n"), ["a.test"]);
  assert.deepEqual(domains("Sender: x@a.test\r\nFrom: y@b.test\r\n"), ["b.test"]);
  assert.deepEqual(domains("Subject: x\r\n"), []);
});

test("no octets throw, and what can be read is read strictly", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      for (const domain of domains(`From: ${text}\r\n`)) assert.match(domain, /^[a-z0-9.-]+$/);
    }),
  );
});

test("a megabyte of nonsense is read in no time", () => {
  const start = performance.now();
  for (const piece of ["(", "@", "=?", "=?a?q?", "\\", '"', "@x.", "a@b ", "(a)", "@ . "]) {
    domains(`From: ${piece.repeat((1 << 20) / piece.length)}<\r\n`);
  }
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
});
