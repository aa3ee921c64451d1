import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAuthenticationResults, parseHeader, readAuthenticationResults, resultsBy } from "./index.ts";

test("fields of others and of ours (RFC 8601)", () => {
  assert.deepEqual(readAuthenticationResults("MX.Dest.test 1; none"), {
    authservId: "mx.dest.test",
    results: [],
  });
  const value =
    'mx.dest.test; (ours) vsmtp = pass header.i=allice@someisp.test policy.x="a \\"b\\"; c"; dkim/1=Fail (bad) reason="no; key" header.b=a+b/c== smtp.mailfrom="a b"@x.test;';
  assert.deepEqual(readAuthenticationResults(value)?.results, [
    {
      method: "vsmtp",
      result: "pass",
      reason: null,
      properties: [
        ["header.i", "allice@someisp.test"],
        ["policy.x", 'a "b"; c'],
      ],
    },
    {
      method: "dkim",
      result: "fail",
      reason: "no; key",
      properties: [
        ["header.b", "a+b/c=="],
        ["smtp.mailfrom", "a b@x.test"],
      ],
    },
  ]);
  for (const broken of [
    "",
    ";",
    "host; vsmtp",
    "host; vsmtp=",
    'host; vsmtp=pass x="',
    "host; =pass",
    "host; a=b c",
  ]) {
    assert.equal(readAuthenticationResults(broken), null, broken);
  }
});

test("what was written is read again; nothing throws", () => {
  const name = fc
    .stringMatching(/^[a-z][a-z.-]{0,8}$/)
    .filter((word) => word !== "reason" && word !== "none");
  const text = fc.string({ minLength: 1 }).map((some) => some.replaceAll(/[\r\n\0]/g, " ").trim() || "x");
  const result = fc.record(
    {
      method: name,
      result: name,
      reason: fc.option(text),
      properties: fc.array(fc.tuple(name, text), { maxLength: 4 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(result, { maxLength: 4 }), (results) => {
      const header = parseHeader(formatAuthenticationResults("mx.dest.test", results));
      assert.deepEqual(resultsBy(header, "MX.dest.test")?.results, results);
      assert.equal(resultsBy(header, "mx.other.test"), null);
    }),
  );
  fc.assert(fc.property(fc.string(), (value) => void readAuthenticationResults(value)));
});
