import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldList } from "./fold-lines.ts";
import { parseMailboxes, type RawAddress } from "./mailbox-parser.ts";
import { steadyAddresses } from "./steady-addresses.ts";

const domain = "someisp.test";

/** As Sendmail 8.17 was seen to write them, but for the domain of bare local parts, and encoded words. */
const rewritten: Record<string, string> = {
  "a@x.test,b@x.test": "a@x.test, b@x.test",
  "A <a@x.test> ,\r\n\tB <b@x.test>": "A <a@x.test>, B <b@x.test>",
  ",a@x.test, ,\r\n b@x.test,": "a@x.test, b@x.test",
  "Bob B. Builder <bob@x.test>": '"Bob B. Builder" <bob@x.test>',
  "O'Brien <o'brien@x.test>": "\"O'Brien\" <o'brien@x.test>",
  "Bob [B] <bob@x.test>": '"Bob [B]" <bob@x.test>',
  "bob@x.test <bob@y.test>": '"bob@x.test" <bob@y.test>',
  'J. "R." (x. y) R. <j@x.test>': '"J." "R." (x. y) "R." <j@x.test>',
  "=?utf-8?q?J.B?= C. <j@x.test>": '=?utf-8?q?J=2EB?= "C." <j@x.test>',
  "Bob < bob@x.test >": "Bob <bob@x.test>",
  "bob @ x . test": "bob@x.test",
  "bob(c)@x.test(d)": "bob@x.test (c) (d)",
  "Pete <pete(his account)@x.test>": "Pete <pete@x.test (his account)>",
  "<@hop.test,@[127.0.0.1]:bob@x.test>": "<bob@x.test>",
  "bob@x.test.": "bob@x.test",
  bob: "bob@someisp.test",
  "Bob <bob@LocalHost>, b@localhost.test": "Bob <bob@someisp.test>, b@localhost.test",
  'Bob <bob>, "b b"': 'Bob <bob@someisp.test>, "b b"@someisp.test',
  "A:a@x.test,b@x.test;": "A:a@x.test, b@x.test;",
  "A: ;,B: b@x.test;(c)": "A: ;, B: b@x.test;(c)",
};

/** What Sendmail leaves alone, and what is no list of addresses. */
const left = [
  "a@x.test",
  "Bob <bob@x.test>, b@x.test (Bob)",
  '"Bob B."<bob@x.test>',
  '"Bob \\"B\\"  B." <"b  o"@x.test>',
  'Bob "B." B <bob@x.test> (c, d)',
  "(c) a@x.test (x), (y) b@x.test",
  "=?utf-8?b?SsO8cmdlbg==?= <j@x.test>",
  "undisclosed-recipients:;",
  "undisclosed-recipients: ;",
  "A: a@x.test, B <b@x.test>;, c@x.test",
  "",
  ",",
  "(nobody)",
  "a@x.test b@x.test",
  "a@x.test; b@x.test",
  "Bob <bob@x.test",
  "Bob <>",
  '"Bob <bob@x.test>',
  "(Bob <bob@x.test>",
  "=?utf-8?q?Doe,_John?= <j@x.test>",
  "A: a@x.test",
  "@x.test",
  "a@b@x.test",
  "Bob\\B <b@x.test>, c",
];

test("MSG-20 address fields are written as servers write them that write them anew", () => {
  for (const [value, steady] of Object.entries(rewritten)) {
    assert.equal(steadyAddresses(` ${value}\r\n`, domain)?.join(", "), steady, value);
  }
  for (const value of left) assert.equal(steadyAddresses(` ${value}\r\n`, domain), null, value);
});

const piece = fc.constantFrom(
  ...'Bob|B.|O\'B|=?utf-8?q?a.b?=|"q, q"|"\\""|(c)|(a (b))|<b@x.test>|< b @ x.test >|b@x.test|b|@|localhost|x.test|[1.2]|,|, |:|;| |\r\n\t|<|>|\\|\xfc|.|<@h:b@x>'.split(
    "|",
  ),
);
const value = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(""));

test("MSG-20 any text: the addresses stay, they are written once and for all, and nothing is thrown", () => {
  fc.assert(
    fc.property(value, (text) => {
      const steady = steadyAddresses(text, domain);
      if (steady === null) return;
      const written = foldList(steady, 4);
      assert.equal(steadyAddresses(written, domain), null, written);
      const before = parseMailboxes(text);
      if (before.ok && !text.includes("localhost"))
        assert.deepEqual(
          addressesIn(written),
          before.mailboxes.map(({ address }) => address),
        );
    }),
    { numRuns: 20_000 },
  );
});

test("a long field is read in linear time, and a very long one is left alone", () => {
  const started = performance.now();
  for (const text of ["(", '"', "<", "[", "a,", "(\\", '"\\', "a. ", "a@b,", "x ", "a@b, ", "x <"]) {
    steadyAddresses(text.repeat(65_000 / text.length), domain);
  }
  // Two blanks behind a comma may belong to either side of it: no list is to be read in 2^n ways.
  for (const name of ["", "x ", '"x" ', "\r\n x "]) {
    steadyAddresses(`x <a@b.test>${`,  ${name}<a@b.test>`.repeat(1000)} (c)`, domain);
  }
  assert.ok(performance.now() - started < 5000);
  assert.equal(steadyAddresses("a@b,".repeat(20_000), domain), null);
});

function addressesIn(text: string): RawAddress[] {
  const parsed = parseMailboxes(text);
  assert.ok(parsed.ok, text);
  return parsed.mailboxes.map(({ address }) => address);
}
